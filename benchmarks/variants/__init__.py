"""What is measured: one module for ours, one for Trainer with PEFT."""
