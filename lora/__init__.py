"""LoRA: layers, injection, merging, PEFT's format, spectra and a NumPy oracle."""
