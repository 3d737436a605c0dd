"""The colours of DVC's plots are the figures' own, which stand in `study/pages/figures/style.py`.

A Vega template in .dvc/plots/ can only hold colours as text. `python -m checks.plots` compares
them, `python -m checks.plots --fix` writes them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from study.pages.figures import style
from study.pages.figures.theory_bound import SERIES
from study.pages.figures.theory_scalings import SCALINGS
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.studies.placement.answers.figure import colours as of_placements
from study.words.arms import PROBE, arm_label

TEMPLATES = Path(".dvc/plots")
_LIST = r'\[\s*"[^\]]*"\s*\]'
_NAMED = re.compile(rf'("domain": ({_LIST}),\s*"range": )(\[\s*"#[^\]]*\])')
_ALONE = re.compile(r'("color": \{"value": )"#[^"]*"')


def colours() -> dict[str, str]:
    """Return the colour of each series, by the name that it has in the rows of plots/."""
    arms = {"LoRA": LORA, **{arm_label(arm): arm for arm in (FULL, HEAD_ONLY, PROBE)}}
    looks = {name: style.ARMS[arm] for name, arm in arms.items()}
    looks |= {name: look for name, (_, look) in (*SERIES.items(), *SCALINGS.items())}
    return {name: look.color for name, look in looks.items()} | of_placements()


def coloured(template: str, of: Mapping[str, str]) -> str:
    """Return a template's text with these colours; what belongs to no series is grey.

    Raises:
        KeyError: it has a series without a colour.
    """

    def named(found: re.Match[str]) -> str:
        return found[1] + json.dumps([of[name] for name in json.loads(found[2])])

    return _ALONE.sub(rf'\g<1>"{style.GREY}"', _NAMED.sub(named, template))


def main() -> None:
    """Compare or write the templates; exit with 1 if they differ."""
    parser = argparse.ArgumentParser(prog="python -m checks.plots", description=__doc__)
    parser.add_argument("--fix", action="store_true", help="write them")
    fix = parser.parse_args().fix
    stale = []
    for path in sorted(TEMPLATES.glob("*.json")):
        old = path.read_text(encoding="utf-8")
        new = coloured(old, colours())
        if new == old:
            continue
        stale.append(str(path))
        if fix:
            path.write_text(new, encoding="utf-8")
    if stale and not fix:
        print(f"not the figures' colours: {', '.join(stale)}; run: make plots", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
