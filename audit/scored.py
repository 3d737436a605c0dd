"""An adapter with the data that it is scored on: the base is loaded whole."""

from __future__ import annotations

from collections.abc import Sequence

from audit import allotment
from audit.directions import Decompose, Directions
from audit.examples import Examples
from audit.merged import Merged
from audit.moments import moments, weighed
from audit.saved import Saved
from audit.scoring import Row, score
from audit.updates import Updates
from audit.wanted import Wanted
from study.entry.errors import StudyError


class Scored:
    """The base of an adapter, and examples of its task.

    Attributes:
        merged: the base, into whose weights the adapter can be put.
    """

    def __init__(self, wanted: Wanted, base: str, saved: Saved) -> None:
        """Read the data and load the base.

        Raises:
            StudyError: one of them cannot be read, or they do not fit the adapter.
        """
        if saved.config.get("lora_bias"):
            raise StudyError("--data: lora_bias: an adapter with biases of B is not scored")
        kind = saved.config.get("task_type")
        self._examples: Examples
        if kind == "CAUSAL_LM":
            from audit.responses import Responses

            examples = Responses(wanted, base)
            self._examples, model = examples, examples.model
        elif kind == "SEQ_CLS":
            from audit.classified import Classified

            sentences = Classified(wanted, base, saved)
            self._examples, model = sentences, sentences.model
        else:
            raise StudyError(
                f"--data: task_type {kind!r} of the adapter; scored are SEQ_CLS and CAUSAL_LM"
            )
        self._wanted = wanted
        self.merged = Merged(model, saved)

    def weighing(self, updates: Updates) -> Decompose:
        """Return what takes updates apart by what the adapted model's layers are given."""
        self.merged.put(updates, updates.factors())
        return weighed(moments(self.merged, self._examples.run))

    def scores(
        self,
        updates: Updates,
        found: Sequence[Directions],
        decompose: Decompose,
        headline: int | None,
        asked: allotment.Ranks | None,
    ) -> Row:
        """Return the scores of base, cuts and adapter; see `audit.scoring.score`."""
        return score(
            updates, self.merged, self._examples, found, decompose, self._wanted, headline, asked
        )
