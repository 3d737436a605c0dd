"""A causal model at one rank: in come pairs, out come each run's losses by pair."""
