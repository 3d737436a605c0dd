"""The report: what `notebooks/report.ipynb` shows, and how it becomes one page."""
