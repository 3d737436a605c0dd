"""The outcomes as lines on a terminal and as a part of docs/metrics.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from checks.trainer.compare import EARLY, FIRST, LOSSES, METRICS, OUTPUTS, Outcome
from checks.trainer.ours import FULL, LORA, RANK, Sizes
from checks.trainer.tasks import TASKS

PAGE = Path("docs/metrics.md")
START = "<!-- trainer: written by `python -m checks.trainer --write` -->\n"
END = "<!-- end of trainer -->\n"
_SIZES = Sizes()
_HEAD = f"""## Held against Trainer and PEFT

Four tasks were made of the packaged reviews. Each was prepared and trained by the study's stages in
fp32 (LoRA of rank {RANK} on query and value, and full fine-tuning; {_SIZES.train} sentences,
{_SIZES.epochs} epochs, batches of {_SIZES.batch_size}), and again by `transformers.Trainer` with
`peft.LoraConfig`, from the same initial head and factors, in the same order of batches, with the
same learning rate and warm-up. Trainer keeps its best epoch by scikit-learn's or SciPy's metric.

- First steps: the largest difference of a loss of the first {FIRST} steps, of itself. Allowed:
  {EARLY:.0e}.
- Losses: the largest difference of a step's loss, of the largest loss. Allowed: {LOSSES[LORA]:.0e}
  of LoRA, {LOSSES[FULL]:.0e} of full fine-tuning, whose rounding AdamW lets grow.
- Outputs: the largest difference of an output of {_SIZES.test} test sentences, of the largest.
  Allowed: {OUTPUTS[LORA]:.0e} and {OUTPUTS[FULL]:.0e}.
- Metrics: ours is the study's of its own outputs, theirs scikit-learn's or SciPy's of Trainer's. Of
  Trainer's outputs the two differ by FORMULAS at the most; allowed: {METRICS:.0e}.

The tasks:

TASKS

| task | arm | steps | first steps | losses | outputs | epoch kept |
|---|---|--:|--:|--:|--:|--:|
"""
_METRICS_HEAD = "| task | arm | metric | ours | theirs |\n|---|---|---|--:|--:|\n"


def line(outcome: Outcome) -> str:
    """Return an outcome for a terminal."""
    wrong = "" if outcome.right else " WRONG"
    epochs = " and ".join(map(str, dict.fromkeys(outcome.epochs)))
    values = ", ".join(f"{n} {a:.4f} / {b:.4f}" for n, (a, b) in outcome.metrics.items())
    return (
        f"{outcome.task} {outcome.arm}: {outcome.steps} steps, the first {outcome.early:.0e}, "
        f"losses {outcome.losses:.0e}, outputs {outcome.outputs:.0e} apart, epoch {epochs}; "
        f"{values}; formulas {outcome.formulas:.0e}{wrong}"
    )


def written(page: str, outcomes: Sequence[Outcome]) -> str:
    """Return docs/metrics.md with these outcomes as its last part."""
    rest = page.partition(START)[0].rstrip()
    tasks = "\n".join(f"- `{task.name}`: {task.words}" for task in TASKS)
    formulas = f"{max(outcome.formulas for outcome in outcomes):.0e}"
    head = _HEAD.replace("TASKS", tasks).replace("FORMULAS", formulas)
    rows = "".join(map(_row, outcomes))
    values = "".join(_of_metrics(outcomes))
    return f"{rest}\n\n{START}{head}{rows}\n{_METRICS_HEAD}{values}{END}"


def _row(outcome: Outcome) -> str:
    epochs = " / ".join(map(str, dict.fromkeys(outcome.epochs)))
    apart = f"{outcome.early:.0e} | {outcome.losses:.0e} | {outcome.outputs:.0e}"
    return f"| {outcome.task} | {outcome.arm} | {outcome.steps} | {apart} | {epochs} |\n"


def _of_metrics(outcomes: Iterable[Outcome]) -> Iterable[str]:
    for outcome in outcomes:
        for name, (own, other) in outcome.metrics.items():
            cells = f"{outcome.task} | {outcome.arm} | `{name}` | {own:.4f} | {other:.4f}"
            yield f"| {cells} |\n"
