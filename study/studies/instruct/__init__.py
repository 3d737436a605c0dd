"""The other study: instruction tuning of a causal language model, by LoRA rank."""
