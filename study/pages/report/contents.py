"""What the page holds, in order: the name that `#name` leads to, and the heading."""

from __future__ import annotations

from study.pages.report.html import Html, Text, section, text

TITLES = {
    "rank": "Which rank is enough?",
    "capacity": "Room or training?",
    "weights": "What the updates look like",
    "rules": "Rules of thumb, scored",
    "sameness": "Same score, same model?",
    "training": "Training and learning rates",
    "cost": "What it costs",
    "theory": "The linear model",
    "claims": "Claims, tested",
    "data": "Data",
    "settings": "Settings",
    "machine": "Versions and hardware",
    "reproduce": "How to reproduce",
}


def titled(name: str, *parts: Text | None) -> Html:
    """Return a section of the page."""
    return section(name, TITLES[name], *parts)


def contents() -> Html:
    """Return the table of contents."""
    rows = "\n".join(
        f'<li><a href="#{name}">{text(title)}</a></li>' for name, title in TITLES.items()
    )
    return Html(f'<nav aria-label="Contents">\n<ol>\n{rows}\n</ol>\n</nav>')
