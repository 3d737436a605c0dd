"""Names that come from a file, in Markdown: shown as they are, whatever they hold."""

from __future__ import annotations

import re


def span(name: object) -> str:
    """Return a code span that shows a name and does nothing else.

    Between longer backticks than the name has in a row (CommonMark 0.31, 6.1); lines of it are one.
    """
    text = " ".join(str(name).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    room = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{room}{text}{room}{fence}"
