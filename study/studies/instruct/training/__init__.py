"""A causal model by LoRA or in full: in come pairs, out come each run's losses by pair."""
