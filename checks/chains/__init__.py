"""The proof that a family's models go through a whole study, and that what comes out works.

`python -m checks.chains` makes a small random model of each of a few families, runs all stages of
the main study on it (of instruction tuning, where the family has language models alone), and loads
the adapters with plain transformers and PEFT: they must give the logits that the study recorded.
"""
