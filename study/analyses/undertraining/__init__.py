"""Which arms did not train, told before anything is concluded from their scores."""
