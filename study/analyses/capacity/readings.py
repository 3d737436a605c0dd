"""What the comparison says about a rank, by a rule that is set beforehand.

A gap to full fine-tuning is *near* if it is shown to be above -margin (points), so that less than
the margin is missing; *short* if it is shown to be below 0 and is not near; else it cannot be told.
One update is *better* than another of the same rank if their difference is shown to be above 0.
"The truncated update" is the one at that rank of the plain and the weighted truncation of full
fine-tuning's that is better on validation.

What counts as shown, with several ranks looked at, is in `study.analyses.capacity.questions`.
`MEANING` holds the readings in the order in which they are tried: the first whose condition holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from study.analyses.capacity.questions import Compared, p_values
from study.words.phrases import p_words

NEAR, SHORT, UNCLEAR = "near", "short", "cannot be told"

BADLY_TRAINED = "badly trained"
NOT_RANK = "not for lack of rank"
BETTER_USED = "uses its room better"
ENOUGH = "room enough"
LACKS_ROOM = "lacks room"
UNKNOWN = "cannot be told"

MEANING = {
    BADLY_TRAINED: (
        "LoRA falls short, and the largest LoRA cut down to this rank does better. So a better "
        "update of this rank was there to be found, in the same modules"
    ),
    NOT_RANK: (
        "LoRA falls short, and full fine-tuning's update cut down to this rank does better. So the "
        "rank has room that LoRA leaves unused: by the way it is trained, or because it adapts "
        "fewer modules and no biases, norms or embeddings"
    ),
    BETTER_USED: (
        "full fine-tuning's update cut down to this rank falls short, and LoRA does better. So "
        "training at this rank finds what cutting down does not"
    ),
    ENOUGH: "LoRA comes within the margin of full fine-tuning",
    LACKS_ROOM: (
        "LoRA and the cut update both fall short, and neither is better. No update of this rank "
        "that we know of reaches full fine-tuning, though there may be one"
    ),
    UNKNOWN: "these seeds and sentences show none of the others",
}


_SHOWN = {  # by reading: what it rests on
    BADLY_TRAINED: ("lora_short", "largest_better"),
    NOT_RANK: ("lora_short", "truncated_better"),
    BETTER_USED: ("truncated_short", "lora_better"),
    ENOUGH: ("lora_near",),
    LACKS_ROOM: ("lora_short", "truncated_short"),
    UNKNOWN: (),
}
_IN_WORDS = {
    "lora_near": "LoRA comes within the margin",
    "lora_short": "LoRA falls short",
    "truncated_short": "the cut update falls short",
    "lora_better": "LoRA is better than the cut update",
    "truncated_better": "the cut update is better than LoRA",
    "largest_better": "the largest LoRA cut to this rank is better",
}


def read(compared: Mapping[int, Compared], margin: float, alpha: float) -> list[dict[str, Any]]:
    """Return of every rank its reading, the reason in words, and the numbers it rests on.

    Args:
        margin: points; alpha: error rate of each question over all ranks together.
    """
    asked = p_values(compared, margin)
    return [_row(rank, compared[rank], asked[rank], alpha) for rank in sorted(compared)]


def _row(
    rank: int, compared: Compared, p: Mapping[str, float | None], alpha: float
) -> dict[str, Any]:
    shown = {question for question, value in p.items() if value is not None and value <= alpha}
    reading = reading_of(shown)
    largest = compared.lora_to_largest
    return {
        "rank": rank,
        "reading": reading,
        "reason": _reason(reading, rank, compared, p),
        "lora_is": level("lora", shown),
        "truncated_is": level("truncated", shown),
        "truncation": compared.kind,
        "lora_to_truncated": compared.lora_to_truncated.to_json(),
        "lora_to_largest": None if largest is None else largest.to_json(),
        "p": dict(p),
    }


def level(name: str, shown: Collection[str]) -> str:
    """Say where an arm stands: `NEAR`, `SHORT`, `UNCLEAR`."""
    if f"{name}_near" in shown:
        return NEAR
    return SHORT if f"{name}_short" in shown else UNCLEAR


def reading_of(shown: Collection[str]) -> str:
    """Return the reading of a rank by the questions whose answer is yes."""
    lora, truncated = level("lora", shown), level("truncated", shown)
    if lora == SHORT and "largest_better" in shown:
        return BADLY_TRAINED
    if lora == SHORT and "truncated_better" in shown:
        return NOT_RANK
    if truncated == SHORT and "lora_better" in shown:
        return BETTER_USED
    if lora == NEAR:
        return ENOUGH
    if lora == truncated == SHORT:
        return LACKS_ROOM
    return UNKNOWN


def _reason(reading: str, rank: int, compared: Compared, p: Mapping[str, float | None]) -> str:
    gap, cut = compared.lora.words(), compared.truncated.words()
    words = [
        f"Beside full fine-tuning, LoRA has {gap} and full fine-tuning's update cut to rank {rank} "
        f"has {cut}"
    ]
    if reading == BADLY_TRAINED:
        assert compared.lora_to_largest is not None
        over = compared.lora_to_largest.words()
        words.append(f"Beside the largest LoRA cut to this rank, LoRA has {over}")
    else:
        words.append(f"Beside the cut update, LoRA has {compared.lora_to_truncated.words()}")
    tested = [f"{_IN_WORDS[each]} ({p_words(p[each] or 0.0)})" for each in _SHOWN[reading]]
    return ". ".join([*words, *([f"Tested: {'; '.join(tested)}"] if tested else [])])
