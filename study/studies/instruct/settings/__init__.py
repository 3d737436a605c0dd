"""What can be set for instruction tuning: the main study's sections, and five of its own."""
