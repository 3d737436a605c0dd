"""Every method beside LoRA put into the model and trained by the study's own trainer."""
