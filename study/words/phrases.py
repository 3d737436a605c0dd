"""Numbers and lists as words, in sentences that hold for one of a thing and for many."""

from __future__ import annotations

from collections.abc import Sequence

_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def percent(fraction: float) -> str:
    """Write a fraction in percent, to a tenth: 0.8123 as 81.2 %."""
    return f"{100 * fraction:.1f} %"


def share(fraction: float) -> str:
    """Write a fraction in percent, to three figures, however small: 0.00164 as 0.164 %."""
    return f"{significant(100 * fraction)} %"


def significant(value: float) -> str:
    """Write a number to three figures, without trailing zeros; thousands are written out."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def tenths(fraction: float, digits: int = 1) -> str:
    """Write the size of a difference of accuracies in points, without unit or sign.

    Args:
        digits: after the point; a metric that is small in its own unit has more.
    """
    return f"{abs(100 * fraction):.{digits}f}"


def points(fraction: float, digits: int = 1) -> str:
    """Write the size of a difference of accuracies: 0.012 and -0.012 as 1.2 points."""
    return f"{tenths(fraction, digits)} points"


def apart(gap: float, other: str, digits: int = 1) -> str:
    """Say where an accuracy stands beside another, from their difference.

    -0.012 becomes "1.2 points below other", 0 "level with other".
    """
    if float(tenths(gap, digits)) == 0:
        return f"level with {other}"
    return f"{points(gap, digits)} {'below' if gap < 0 else 'above'} {other}"


def margin(value: float) -> str:
    """Write a margin that is given in points: 1.0 as 1 point, 0.5 as 0.5 points."""
    return f"{value:g} point{'' if value == 1 else 's'}"


def counted(number: int, thing: str, many: str | None = None) -> str:
    """Write how many there are: 1 seed, 3 seeds, 3,000 sentences; `many` is an odd plural."""
    return f"{number:,} {thing if number == 1 else many or f'{thing}s'}"


def rough(number: int) -> int:
    """Round a count to two figures: 118,891 to 120,000."""
    return int(float(f"{number:.1e}"))


def spelled(number: int) -> str:
    """Write small numbers as words."""
    return _SMALL[number] if 0 <= number < len(_SMALL) else f"{number:,}"


def p_words(p: float) -> str:
    """Write a p value."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def listed(items: Sequence[object], last: str = "and") -> str:
    """Join items: a; a and b; a, b and c."""
    words = [str(item) for item in items]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def asked(why: str) -> str:
    """Begin what was asked as a sentence: whether it rises as The question is whether it rises."""
    return f"The question is {why}" if why.startswith("whether ") else capitalised(why)


def capitalised(sentence: str) -> str:
    """Begin with a capital, and leave the rest as it is."""
    return sentence[:1].upper() + sentence[1:]
