"""Measures of an arm: in come its answers and the labels, out go one number and each part of it."""
