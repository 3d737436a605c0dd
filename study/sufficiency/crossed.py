"""`study.crossed`, by its former name."""

from study.crossed import Crossed, crossed

__all__ = ["Crossed", "crossed"]
