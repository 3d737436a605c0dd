"""What the arms are called in records and folders."""

HEAD_ONLY = "head_only"
FULL = "full"
LORA = "lora"
