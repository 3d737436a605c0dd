"""The methods beside each other: in come their runs, out goes one record."""
