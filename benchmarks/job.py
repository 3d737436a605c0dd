"""What one child process of the benchmark is asked to do."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """One child's work.

    Attributes:
        kind: "default" and "tuned" are Trainer with PEFT, "ours" is this project's trainer;
            "peak", "profile" and "score" measure what stands beside the times; "idle" loads
            what training needs and ends.
        arm: "lora", "full" or "head_only"; "causal": LoRA of instruct's language model.
        seeds: of the runs; Trainer takes one.
        warmup: steps before the first wait, not timed; 0 never waits.
        sample: steps to train, None for all that the settings say.
        sentences: the most of each split, None for all.
        folder: where a trained adapter is left, or None.
        pairs: of a causal step, as in `benchmarks.pairs.KINDS`.
        train: settings of that section that are other than params.yaml's, for "ours".
    """

    kind: str
    arm: str = ""
    seeds: tuple[int, ...] = ()
    warmup: int = 0
    sample: int | None = None
    sentences: int | None = None
    folder: str | None = None
    pairs: str = ""
    train: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the job as one line."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(line: str) -> Job:
        """Read what `to_json` returned."""
        values = json.loads(line)
        return Job(**(values | {"seeds": tuple(values["seeds"])}))
