"""Finds that are known and open: where the room that lets them through may not be changed yet.

Each is told by the table and fails nothing; one that is mended is to be taken out of here.
"""

from __future__ import annotations

OPEN: frozenset[str] = frozenset()
