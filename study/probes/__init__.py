"""Linear probes: in come the frozen encoder's states, out goes the best logistic regression."""
