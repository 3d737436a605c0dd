"""What is said of a rank, by its names alone: figures and reports read them from the record."""

from __future__ import annotations

EQUIVALENT = "equivalent"
WORSE = "worse"
BETTER = "better"
UNTOLD = "cannot be told"

NONE = "none"  # where a rule may choose no rank
