"""Where to put LoRA, beside the main study: more rank, or more modules?"""
