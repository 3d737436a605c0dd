"""Side-by-side measurements against Hugging Face's Trainer with PEFT: `make bench`."""
