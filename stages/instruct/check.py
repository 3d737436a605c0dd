"""Stage check of instruct/dvc.yaml: settings that cannot work stop here, before any training.

Reads all of params.yaml. Writes checked.json, which never changes.
"""

from __future__ import annotations

from study.entry.command import run
from study.records.json_file import write_json
from study.sources.resolve import resolve
from study.studies.instruct.settings import whole
from study.training import executors
from study.training.machine import training_device


def main() -> None:
    """Check the settings against each other, the sources and the machine."""
    chosen = whole.load()
    resolve(chosen.data.name, "data")
    training_device(chosen.train)
    executors.choose(chosen)
    write_json("checked.json", {"settings": "fit each other, the sources and the machine"})


if __name__ == "__main__":
    run(main)
