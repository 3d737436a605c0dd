"""Ways to tune a model with few parameters, beside LoRA, through the study's own trainer."""
