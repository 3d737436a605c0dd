"""Chat templates that ask for today's date, told a fixed day: ids must not depend on the day."""

from __future__ import annotations

import datetime
import json
import re

_ASKS = "strftime_now"  # what transformers gives to templates
_LETTERS = "aAbBcdfGHIjmMpSuUVwWxXyYzZ"


def asks(template: str) -> bool:
    """Whether a template asks for today's date."""
    return _ASKS in template


def told(template: str, day: datetime.date) -> str:
    """Return a template that takes today for a given day.

    `transformers` hands no function over to a template, so that the template's own is put before
    it: a macro that writes each part of a date (%d, %-d, %B ...) in its place.
    """
    parts = [f"%{flag}{letter}" for flag in ("-", "") for letter in _LETTERS]
    midnight = datetime.datetime.combine(day, datetime.time())
    texts = {part: midnight.strftime(part) for part in parts}
    written = "".join(
        f" | replace({json.dumps(part)}, {json.dumps(text)})" for part, text in texts.items()
    )
    macro = f"{{% macro {_ASKS}(format) %}}{{{{ format{written} }}}}{{% endmacro %}}"
    # Jinja takes a line's spaces before a tag away, and a line's end behind one: the template's
    # first line is to be read as if nothing stood before it.
    return macro + "{{ '' }}" + re.sub(r"\A[ \t]+(?=\{[%#])", "", template)
