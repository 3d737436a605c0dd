"""How far a stage is: a bar on a terminal, one quiet line an epoch elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import fmean

from torch import Tensor
from tqdm import tqdm


class Progress:
    """Follows one arm, group of runs after group of runs.

    Args:
        title: of the arm.
        total_runs: of all its groups.
    """

    def __init__(self, title: str, total_runs: int) -> None:
        self._title, self._total_runs, self._done = title, total_runs, 0
        self._bar: tqdm[None] | None = None
        self._group = 0
        self._score = ""

    def start(self, runs: Sequence[object], steps: int) -> None:
        """Begin a group of runs that train together for `steps` steps."""
        self._group = len(runs)
        first, last = self._done + 1, self._done + self._group
        span = f"{first}" if first == last else f"{first}-{last}"
        self._label = f"{self._title}, run {span} of {self._total_runs}"
        self._score = ""
        if sys.stderr.isatty():
            self._bar = tqdm(total=steps, desc=self._label, unit="step", dynamic_ncols=True)

    def step(self, losses: Sequence[Tensor]) -> None:
        """Count one step; `losses` holds the (R,) losses of the epoch so far.

        Reading a loss makes a GPU wait, so the bar reads one in twenty.
        """
        if self._bar is None:
            return
        self._bar.update()
        if len(losses) % 20 == 0:
            loss = float(losses[-1].mean())
            self._bar.set_postfix_str(f"loss {loss:.3f}{self._score}", refresh=False)

    def epoch(self, epoch: int, losses: Sequence[float], scores: Sequence[float], of: str) -> None:
        """Report an epoch: mean loss and validation score of each run, and what that measures."""
        loss = fmean(losses)
        each = " ".join(f"{score:.4f}" for score in scores)
        if self._bar is not None:
            self._score = f", epoch {epoch}, validation {of} {fmean(scores):.4f}"
            self._bar.set_postfix_str(f"loss {loss:.3f}{self._score}")
        else:
            print(
                f"{self._label}: epoch {epoch}, loss {loss:.4f}, validation {of} {each}",
                flush=True,
            )

    def skip(self, runs: Sequence[object]) -> None:
        """Pass over a group of runs that finished in an earlier try."""
        self._done += len(runs)
        print(f"{self._title}: {len(runs)} runs kept from an earlier try", flush=True)

    def finish(self) -> None:
        """End the group."""
        self._done += self._group
        if self._bar is not None:
            self._bar.close()
            self._bar = None
