"""Claims that a companion measures: the page shows its verdict in the place of «cannot be told».

A record of the main study depends on none of a companion's, so the verdict is taken where both are
read as they stand, in the report.
"""

from __future__ import annotations

IN_PLACEMENT = {
    "query_and_value_are_best": "With as many parameters, query and value are the best matrices "
    "to adapt.",
    "more_modules_more_capacity": "Adapting more modules at the same rank does better: all linear "
    "layers than query and value.",
}
"""By name, the claim of `placement/` that it is, in that record's words."""
