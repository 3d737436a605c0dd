"""Whether a write-up's words put methods in the order that was counted or measured.

Words put a method below another if its word says that it takes less. A count decides: what takes as
much or more contradicts the order, and counts count as alike within 2 %. A measurement decides if
the two lie farther apart than chance puts them: training times if the ranges of their repeats do
not touch, memory beyond `study.studies.methods.comparison.machine.memory_noise`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from study.claims.verdicts import FAILS, HOLDS, UNTOLD
from study.studies.methods.comparison.machine import measured, memory_noise, peak
from study.studies.methods.comparison.names import label
from study.studies.methods.pages.marks import SAID, row_of
from study.words.phrases import listed

Record = Mapping[str, Any]

_SAID = {
    HOLDS: "The marks for {} put the methods in the right order by",
    FAILS: "The marks for {} do not put the methods in the right order by",
    UNTOLD: "We cannot say whether the marks for {} put the methods in the right order by",
}
EFFICIENCY = ("none", "good", "very good")
COMPUTE = ("high", "medium", "low", "very low")
_COUNTS_ALIKE = 0.02  # of each other: nobody calls a method cheaper for less


@dataclass(frozen=True)
class Value:
    """A number of which less is better; chance leaves it between `low` and `high`."""

    value: float
    low: float
    high: float

    @staticmethod
    def give_or_take(value: float, share: float) -> Value:
        """Return a value that is alike to those within a share of it."""
        return Value(value, value / (1 + share) ** 0.5, value * (1 + share) ** 0.5)


@dataclass(frozen=True)
class Order:
    """An order by words, and the numbers that it is held against.

    Attributes:
        levels: by method, more for what the words call better.
        values: by method, of those that have one.
        amount: "many", "much" or "long": what stands between "as" and "as".
    """

    aspect: str
    what: str
    levels: Mapping[str, int]
    values: Mapping[str, Value]
    amount: str
    is_counted: bool


def orders(record: Record, machine: Record | None) -> list[str]:
    """Return a sentence for each order: whether it holds, and what is otherwise."""

    def counted(key: str) -> Callable[[str], Value | None]:
        def value(name: str) -> Value | None:
            row = row_of(record, name)
            return None if row is None else Value.give_or_take(row[key], _COUNTS_ALIKE)

        return value

    def seconds(name: str) -> Value | None:
        trained = measured(machine, "training", name)
        if not trained:
            return None
        speed = trained["ratio_to_full"]
        return Value(1 / speed["median"], 1 / speed["high"], 1 / speed["low"])

    noise = memory_noise(machine).share

    def memory(name: str) -> Value | None:
        held = peak(machine, name)
        return None if held is None else Value.give_or_take(held, noise)

    efficiency = {name: EFFICIENCY.index(said[0]) for name, said in SAID.items()}
    compute = {name: COMPUTE.index(said[1]) for name, said in SAID.items()}
    parameters = "parameter efficiency", efficiency
    cost = "compute cost", compute
    each = (
        (*parameters, "trained parameters", counted("trainable_parameters"), "many", True),
        (*parameters, "bytes of the base's weights", counted("base_bytes"), "many", True),
        (*cost, "operations a token", counted("flops_per_token"), "many", True),
        (*cost, "training time a sentence", seconds, "long", False),
        (*cost, "peak of training memory", memory, "much", False),
    )
    return [
        sentence(Order(aspect, what, levels, _known(levels, value), amount, is_counted))
        for aspect, levels, what, value, amount, is_counted in each
    ]


def sentence(order: Order) -> str:
    """Say whether an order holds, and of which methods it does not."""
    if len(order.values) < 2:
        return f"The marks for {order.aspect} cannot be checked by {order.what}: not measured."
    more, alike = [], []
    for better, worse in _pairs(order):
        one, other = order.values[better], order.values[worse]
        names = f"{label(better)} {{}} {label(worse)}"
        if one.low <= other.high and other.low <= one.high:
            # Counts that are alike are as many; measurements within the noise are not shown to be.
            alike.append(names.format(f"as {order.amount} as" if order.is_counted else "or"))
        elif one.value > other.value:
            ratio = f"{one.value / other.value:.2f} times as {order.amount} as"
            more.append(names.format(ratio))
    if order.is_counted:
        more, alike = [*more, *alike], []
    verdict = FAILS if more else UNTOLD if alike else HOLDS
    said = f"{_SAID[verdict].format(order.aspect)} {order.what}"
    if more:
        said += f": {listed(more)}"
    if alike:
        noise = "the noise does not let us see which of these takes less: "
        said += f"{'; ' if more else ': '}{noise}{', '.join(alike)}"
    return f"{said}."


def _known(levels: Mapping[str, int], value: Callable[[str], Value | None]) -> dict[str, Value]:
    found = {name: value(name) for name in levels}
    return {name: own for name, own in found.items() if own is not None}


def _pairs(order: Order) -> Iterator[tuple[str, str]]:
    """Yield each two methods that the words put in an order, and of which both were measured."""
    for better, level in order.levels.items():
        for worse, below in order.levels.items():
            if level > below and better in order.values and worse in order.values:
                yield better, worse
