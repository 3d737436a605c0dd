"""A small model of one family through a whole study, and its adapters in plain PEFT."""

from __future__ import annotations

import contextlib
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

from checks.chains import plain, stages, toy
from checks.families.making import CAUSAL, CLASSIFIER
from checks.families.truth import off_by
from study.entry.errors import StudyError
from study.records.json_file import read_json

ALLOWED = 1e-5  # relative to the largest logit, if that is above one
_FRAMES = -3  # of a traceback, the last

CHAINS = {
    **{"modernbert": CLASSIFIER, "deberta-v2": CLASSIFIER, "eurobert": CLASSIFIER},
    **{"qwen3": CLASSIFIER, "qwen3_5_text": CLASSIFIER, "gemma2": CLASSIFIER},
    **{"gemma3_text": CLASSIFIER, "mistral": CLASSIFIER, "gpt_oss": CLASSIFIER},
    **{"mixtral": CLASSIFIER, "lfm2": CAUSAL},
}
"""The families, and which study each goes through; of LFM2 there are language models alone."""

_PIPELINES = {CLASSIFIER: Path(), CAUSAL: Path("instruct")}
_CHECKED = {CLASSIFIER: "metrics/checked.json", CAUSAL: "checked.json"}


@dataclass(frozen=True)
class Outcome:
    """What became of a family.

    Attributes:
        batching: how the study computed it; "": it did not come so far.
        stages: how many have run.
        apart: the largest difference of plain PEFT from what was recorded; None: not compared.
        fault: what stopped it, in words or as a traceback; None: nothing did.
    """

    family: str
    kind: str
    batching: str
    stages: int
    apart: float | None
    fault: str | None = None

    @property
    def right(self) -> bool:
        """Whether it came through, with adapters that give what was recorded."""
        return self.fault is None and self.apart is not None and self.apart <= ALLOWED


def run(family: str, root: Path) -> Outcome:
    """Run a family's chain in a folder of its own; raises nothing.

    Args:
        root: of the repository.
    """
    kind, done, batching, place = CHAINS[family], 0, "", "making the model"
    pipeline = root / _PIPELINES[kind]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        try:
            toy.write(folder, family, kind, pipeline / "params.yaml")
            for name, command in stages.commands(pipeline / "dvc.yaml", toy.RANKS):
                place = name
                stages.run(command, folder)
                done += 1
                batching = batching or read_json(folder / _CHECKED[kind])["batching"]
            place = "plain PEFT"
            answers = plain.language_models if kind == CAUSAL else plain.classifiers
            with contextlib.chdir(folder):
                apart = max(off_by(*both) for both in answers(folder))
        except StudyError as error:
            return Outcome(family, kind, batching, done, None, f"{place}: {error}")
        except Exception:
            fault = f"{place}: {traceback.format_exc(limit=_FRAMES)}"
            return Outcome(family, kind, batching, done, None, fault)
    return Outcome(family, kind, batching, done, apart)
