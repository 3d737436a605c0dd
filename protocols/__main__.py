"""`python -m protocols NAME [OPTIONS OF dvc exp run]`: run the study by a published protocol.

The settings are checked as a whole before DVC is asked for anything.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from protocols import resolve
from study.entry import command as cli


def main() -> None:
    """Run `dvc exp run` with the changes of the protocol that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m protocols",
        description="Run the study by a published protocol, as an experiment of that name.",
        epilog="Any other option is passed on to `dvc exp run`, such as --temp or --queue.",
    )
    parser.add_argument("name", help=", ".join(resolve.names()))
    asked, options = parser.parse_known_args()
    resolve.resolve(asked.name, Path("params.yaml"))
    command = ["dvc", "exp", "run", "--name", asked.name, *resolve.arguments(asked.name), *options]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    cli.run(main)
