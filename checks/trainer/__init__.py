"""The proof on real text that the study trains and measures as Trainer with PEFT does.

`python -m checks.trainer` makes four tasks of the packaged reviews, trains each by the study's own
stages and by Hugging Face's Trainer, and holds losses, outputs and metrics against each other.
"""
