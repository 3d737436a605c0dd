"""What the seed documents conclude, suppose and ask, each put to a test on the study's numbers."""
