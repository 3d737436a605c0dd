"""From a source to pairs: in come rows, out come tokenised instructions and responses."""
