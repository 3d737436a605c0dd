"""The kinds of values that settings are made of, each a type with the rule that it is held to."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from study.entry.rules import (
    Rule,
    columns,
    flag,
    number,
    one_or_two,
    optional,
    or_auto,
    several,
    several_or_none,
    several_or_one,
    whole,
    words,
)

Auto: TypeAlias = Literal["auto"]

Text = Annotated[str, words()]
TextOrNull = Annotated[str | None, optional(words())]
Texts = Annotated[tuple[str, ...], several(words())]
OneOrTwo: TypeAlias = str | tuple[str, str]
TextOrTwo = Annotated[OneOrTwo, one_or_two(words())]
TextTwoOrNull = Annotated[OneOrTwo | None, optional(one_or_two(words()))]
_ONE = "the name of one column; pairs of texts are for the main study alone"
OneColumn = Annotated[str, Rule(_ONE, words().read)]
TextOrTexts = Annotated[tuple[str, ...], several_or_one(words())]
Count = Annotated[int, whole(1)]
CountOrNull = Annotated[int | None, optional(whole(1))]
CountOrAuto = Annotated[int | Auto, or_auto(whole(1))]
CountAutoOrNull = Annotated[int | Auto | None, or_auto(optional(whole(1)))]
TwoOrNull = Annotated[int | None, optional(whole(2))]  # what has a spread
Seed = Annotated[int, whole(0, 2**32 - 1)]
Seeds = Annotated[tuple[int, ...], several(whole(0, 2**32 - 1))]
Blocks = Annotated[tuple[int, ...], several_or_none(whole(1))]
Ranks = Annotated[tuple[int, ...], several(whole(1))]
Positive = Annotated[float, number(above=0)]
NotNegative = Annotated[float, number(0)]
Share = Annotated[float, number(0, 1)]
InnerShareAutoOrNull = Annotated[float | Auto | None, or_auto(optional(number(above=0, below=1)))]
Dropout = Annotated[float, number(0, below=1)]
Flag = Annotated[bool, flag()]
Rates = Annotated[tuple[float, ...], several(number(above=0))]
RatesOrAuto = Annotated[tuple[float, ...] | Auto, or_auto(several(number(above=0)))]
Where = Annotated[tuple[tuple[str, str | int | float | bool], ...] | None, optional(columns())]
