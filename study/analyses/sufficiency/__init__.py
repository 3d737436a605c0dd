"""Which rank is enough: equivalence to full fine-tuning, the one-standard-error rule, a trend."""
