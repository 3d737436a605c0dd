"""From a source to token ids: in come rows of text and label, out come tokenised splits."""
