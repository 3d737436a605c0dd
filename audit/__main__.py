"""What an adapter uses of its rank, and the adapter cut down to it.

python -m audit FOLDER                        energy by rank, module by module
python -m audit FOLDER --base                 also beside the base's weights
python -m audit FOLDER --rank 8 --out SMALL   the adapter cut to rank 8, in PEFT's format
python -m audit FOLDER --data FILE            what it scores, and what it would at every rank
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from audit.command import Asked, audit
from audit.wanted import Wanted
from study.entry.command import BAD_INPUT
from study.entry.errors import StudyError

_OF_CONFIG = ""  # --base without a folder: the one that the adapter names
_AS_GIVEN = ("adapter", "rank", "energy", "parameters", "out", "json", "html")


def main() -> None:
    """Print what is found, or one error, with the status that stages end with on bad input."""
    try:
        for line in audit(_asked()):
            print(line)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _asked() -> Asked:
    parser = argparse.ArgumentParser(
        prog="python -m audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("adapter", help="its folder, or its id on the Hugging Face hub")
    add(
        "--base",
        nargs="?",
        const=_OF_CONFIG,
        help="look at the base's weights too: a folder, or nothing for the one the adapter names",
    )
    cuts = parser.add_mutually_exclusive_group()
    cuts.add_argument("--rank", type=int, help="cut every module to this rank")
    cuts.add_argument("--energy", type=float, help="cut to the least rank that keeps this share")
    cuts.add_argument(
        "--parameters", type=float, help="keep this share of the parameters, ranks by module"
    )
    add("--out", type=Path, help="folder for the cut adapter")
    add("--json", type=Path, help="file for all figures")
    add("--html", type=Path, help="file for one page of them, which opens offline")
    add("--data", help="score it, and every cut, on this file, folder, hub's id or package:...")
    add("--text", default="text", help="column of the text; two with a comma are read as a pair")
    add("--label", default="label", help="column of the label")
    add("--split", default="train", help="of a hub's data set or a folder")
    add("--where", help="read only rows whose COLUMN=VALUE")
    add("--max-length", type=int, default=128, help="tokens, beyond which a text is cut")
    add(
        "--margin",
        type=float,
        help="points of the metric that would not matter (1; of a loss 0.02)",
    )
    given = vars(parser.parse_args())
    of_config = given["base"] == _OF_CONFIG
    return Asked(
        base_of_config=of_config,
        base=None if of_config else given["base"],
        data=_wanted(given),
        **{key: given[key] for key in _AS_GIVEN},
    )


def _wanted(given: dict[str, Any]) -> Wanted | None:
    if given["data"] is None:
        return None
    columns = given["text"].split(",")
    column, sign, value = (given["where"] or "").partition("=")
    if len(columns) > 2 or (given["where"] and not sign):
        raise StudyError("--text: one column or two, as A,B; --where: COLUMN=VALUE")
    if not (given["margin"] is None or given["margin"] > 0) or given["max_length"] < 1:
        raise StudyError("--margin: a number above 0; --max-length: 1 or more")
    return Wanted(
        name=given["data"],
        text=columns[0] if len(columns) == 1 else (columns[0], columns[1]),
        label=given["label"],
        split=given["split"],
        where=((column, value),) if sign else (),
        max_length=given["max_length"],
        margin=given["margin"],
    )


if __name__ == "__main__":
    main()
