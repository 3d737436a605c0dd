"""Which sizes of the splits fit the data, where those of the settings do not: one message for all.

Sizes are told by trying: what is set aside as a near-duplicate depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Sizes = Mapping[str, int | None]  # of train_size, validation_size and test_size
_TRAIN = "train_size"
_STEPS = 1000


@dataclass(frozen=True)
class Asked:
    """Where the sizes stand, so that an error can say what to type.

    Attributes:
        prefix: of their keys; file: of the settings, as `-S` has it before a key.
        command: that runs the pipeline as an experiment.
    """

    prefix: str = "data."
    file: str = ""
    command: str = "dvc exp run"

    def refusal(
        self, sizes: Sizes, found: Sizes | None, rows: str, aside: Mapping[str, int], left: str
    ) -> str:
        """Say that sizes do not fit, which do, and how to run with them.

        Args:
            sizes: asked for; found: that fit, None for none.
            rows: how many there are, in words; aside: what is taken off them, as numbers before
                words; left: what is left, in words.
        """
        wanted = ", ".join(f"{self.prefix}{key}: {_shown(size)}" for key, size in sizes.items())
        room = "; ".join([rows, *(f"{count} {what}" for what, count in aside.items() if count)])
        start = f"{wanted}: more than there is. {room}; so {left} are left"
        if found is None:
            return (
                f"{start}. No sizes fit; allowed: data with enough sentences of each class to "
                "train, validate and test on"
            )
        written = [f"{self.prefix}{key}={_shown(size)}" for key, size in found.items()]
        fit = ", ".join(written)
        typed = " ".join(f"-S {self.file}{setting}" for setting in written)
        return f"{start}. These sizes fit: {fit}\n  {self.command} {typed}"


STUDY = Asked()


def fitting(
    sizes: Sizes, fits: Callable[[Sizes], bool], movable: Sequence[str]
) -> dict[str, int | None] | None:
    """Return sizes that fit, near those that were asked for.

    The training set alone is made smaller if half of it or more is left then; else all `movable`
    ones shrink by the same share, the largest thousandth that fits.

    Args:
        sizes: asked for; a train_size of None takes all that are left, and is left at least as many
            as the others have.
        fits: whether the data can be cut so; what is returned was tried.

    Returns:
        the sizes, None if nothing fits.
    """
    train = sizes[_TRAIN]
    others = sum(size or 0 for key, size in sizes.items() if key in movable and key != _TRAIN)
    whole = {**sizes, _TRAIN: others if train is None else train}
    for keys, least in (([_TRAIN], _STEPS // 2), (movable, 1)):
        if train is None and keys == [_TRAIN]:
            continue
        tried = [_scaled(whole, keys, share) for share in range(least, _STEPS + 1)]
        if fits(tried[0]):
            found = _last_that_fits(tried, fits)
            return found if train is not None else {**found, _TRAIN: None}
    return None


def _last_that_fits(
    tried: Sequence[dict[str, int | None]], fits: Callable[[Sizes], bool]
) -> dict[str, int | None]:
    """Return the last that fits of growing sizes, of which the first does, by halving."""
    low, high = 0, len(tried)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(tried[middle]) else (low, middle)
    return tried[low]


def _scaled(sizes: Sizes, keys: Sequence[str], share: int) -> dict[str, int | None]:
    return {
        key: size if size is None or key not in keys else max(1, size * share // _STEPS)
        for key, size in sizes.items()
    }


def _shown(size: int | None) -> str:
    return "null" if size is None else str(size)
