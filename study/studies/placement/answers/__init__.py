"""Placements compared at equal rank and at equal numbers of parameters: the answer, the page."""
