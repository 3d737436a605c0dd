"""Numbers and names as words: in come values, out goes text for people."""
