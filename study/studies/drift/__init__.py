"""How far fine-tuning takes a model from the pretrained one, on text that it was not tuned on."""
