"""What README.md and the other pages say of results is what committed metrics bear out.

`python -m checks.readme` compares, `python -m checks.readme --fix` writes it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from study.analyses.results.table import markdown_table
from study.pages.report import placed
from study.pages.report.answer import QUESTIONS, answer
from study.pages.report.untrained import warnings
from study.records.json_file import read_json
from study.studies.drift.answers import page as drift
from study.studies.methods.pages import page as methods
from study.studies.placement.answers import page as placement
from study.studies.stacking.answers import page as stacking

README = Path("README.md")
READING = Path("docs/reading-the-results.md")
METHODS_README = Path("methods/README.md")
DRIFT = Path("drift/metrics/drift.json")
DRIFT_README = Path("drift/README.md")
STACKING = Path("stacking/metrics/stacking.json")
STACKING_README = Path("stacking/README.md")
PLACEMENT = Path(placed.RECORD)
PLACEMENT_README = Path("placement/README.md")
METHODS = Path("methods/metrics/comparison.json")
METHODS_MACHINE = Path("methods/metrics/machine/comparison.json")
SUMMARY = "metrics/summary.json"
RANK_CURVE = "plots/rank_curve.json"
SUFFICIENT_RANK = "metrics/sufficient_rank.json"
UNDERTRAINING = "metrics/undertraining.json"


def study_blocks() -> dict[Path, dict[str, str]]:
    """Return the generated parts of the main study's pages, as Markdown, by name in the marks."""
    summary, sufficient_rank = read_json(SUMMARY), read_json(SUFFICIENT_RANK)
    sentences = zip(QUESTIONS, answer(summary, sufficient_rank), strict=True)
    lines = [f"- *{question}* {sentence}" for question, sentence in sentences]
    if warned := warnings(read_json(UNDERTRAINING)):
        lines.insert(0, f"- *First:* {' '.join(warned)}")
    found = read_json(PLACEMENT) if PLACEMENT.exists() else None
    if found and (words := placed.placed(found, summary, read_json(RANK_CURVE))):
        lines.append(f"- *{placed.QUESTION}* {words[0]} ([more]({PLACEMENT_README}))")
    written = "\n".join(lines)
    return {README: {"answer": written}, READING: {"table": markdown_table(summary)}}


def methods_blocks() -> dict[str, str]:
    """Return each generated part of methods/README.md; none before the methods were compared."""
    if not METHODS.exists():
        return {}
    machine = read_json(METHODS_MACHINE) if METHODS_MACHINE.exists() else None
    return methods.blocks(read_json(METHODS), machine)


def pages() -> dict[Path, dict[str, str]]:
    """Return the generated parts of each page; none of a pipeline that has not run."""
    return {
        **study_blocks(),
        METHODS_README: methods_blocks(),
        DRIFT_README: drift.blocks(read_json(DRIFT)) if DRIFT.exists() else {},
        STACKING_README: stacking.blocks(read_json(STACKING)) if STACKING.exists() else {},
        PLACEMENT_README: placement.blocks(read_json(PLACEMENT)) if PLACEMENT.exists() else {},
    }


def marks(name: str) -> tuple[str, str]:
    """Return the lines before and after a generated part."""
    return f"<!-- {name}: written by `make readme` -->\n", f"<!-- end of {name} -->\n"


def with_block(text: str, name: str, content: str) -> str:
    """Return a page's text with this content between the marks of that name.

    Raises:
        ValueError: a mark is missing, or stands there twice.
    """
    start, end = marks(name)
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"the marks {start.strip()} and {end.strip()} stand once each")
    before, rest = text.split(start)
    _, after = rest.split(end)
    return f"{before}{start}\n{content}\n\n{end}{after}"


def main() -> None:
    """Compare or write the generated parts; exit with 1 if they differ."""
    parser = argparse.ArgumentParser(prog="python -m checks.readme", description=__doc__)
    parser.add_argument("--fix", action="store_true", help="write them")
    fix = parser.parse_args().fix
    stale = []
    for page, parts in pages().items():
        if not parts:
            continue
        old = text = page.read_text(encoding="utf-8")
        for name, content in parts.items():
            new = with_block(text, name, content)
            if new != text:
                stale.append(f"{page}, {name}")
                text = new
        if fix and text != old:
            page.write_text(text, encoding="utf-8")
    if stale and not fix:
        print(f"not what metrics/ says: {'; '.join(stale)}; run: make readme", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
