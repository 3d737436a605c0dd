"""Stage check: settings that cannot work stop here, before any other stage is touched.

DVC removes a stage's outputs before it runs it, and a rank that is too large for the model would
show only after the other arms were trained. So every stage stands behind this one. It reads all of
params.yaml; writes metrics/checked.json, which never changes, so that a changed setting reaches
the stages that read it and no others. What would stop another pipeline alone is a warning.
"""

from __future__ import annotations

from stages import cli
from study import settings
from study.companions import warnings
from study.feasible import check
from study.records import write_json


def main() -> None:
    """Check the settings against each other, the sources, the model and the machine."""
    chosen = settings.load()
    model = check(chosen)
    for warning in warnings(chosen, model):
        print(f"warning: {warning}")
    write_json("metrics/checked.json", {"settings": "fit each other, the model and the machine"})


if __name__ == "__main__":
    cli.run(main)
