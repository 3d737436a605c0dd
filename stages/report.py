"""Stage report: `notebooks/report.ipynb`, executed on the study's records, as one page.

Reads the records, the rows behind three of the figures and the figures
(`study.pages.report.inputs`). Timings and hardware are read from `metrics/machine/` as they stand:
no stage depends on them, and the page says that they are of the machine it was made on. So is what
placement/ found, if it is of this study. Writes `plots/report.html`.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from study.entry import command
from study.pages.report import show
from study.pages.report.page import make_page
from study.settings import whole

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks/report.ipynb"
PAGE = Path("plots/report.html")


def main() -> None:
    """Check that all is there that the page shows, then make it."""
    chosen = dataclasses.asdict(whole.load())
    study = show.read_study(".", chosen)
    page = make_page(NOTEBOOK, ".", chosen, show.title(study))
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    partial = PAGE.with_name(PAGE.name + ".partial")
    partial.write_text(page, encoding="utf-8")
    os.replace(partial, PAGE)
    print(f"{PAGE}: {len(page.encode()) / 2**20:.1f} MiB")


if __name__ == "__main__":
    command.run(main)
