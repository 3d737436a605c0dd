"""The runs of every arm together: in come records, out go the summary, its table and the curves."""
