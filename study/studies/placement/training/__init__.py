"""A placement's modules found by their role in any model, and LoRA trained there at one rank."""
