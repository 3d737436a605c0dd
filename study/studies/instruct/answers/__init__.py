"""The ranks compared: in come their runs, out go answers, the page and the figure."""
