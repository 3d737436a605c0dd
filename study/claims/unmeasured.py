"""Claims that no number of this study bears on, whatever its settings; each says why."""

from __future__ import annotations

from study.claims.evidence import Study, Test
from study.claims.verdicts import CannotTell, Verdict

INSTRUCTIONS = "it is about instruction tuning, and this study trains classifiers"
ONE_TASK = "it compares tasks or models, and a study has one of each"
ONE_ALPHA = "it compares values of alpha, and a study trains its transformer with one"
ONE_TARGET = "it compares choices of adapted matrices, and a study has one (lora.target_modules)"
ONE_RECIPE = (
    "it compares training recipes (dropout, warm-up, epochs, optimiser), and a study has one"
)
MEMORY = "memory is measured beside the results (metrics/machine), where no claim may depend on it"
NO_QUANTISATION = "it is about bases in 4 bits, and this study's are in 16 or 32"
OTHER_METHODS = "it compares LoRA with methods that this study does not train"
STACKING = "it is about several adapters in one model, and this study applies one at a time"
NO_PRUNING = "it would take leaving out parts of the pretrained model, which this study does not do"


def unmeasured(why: str) -> Test:
    """Return a test that says why it cannot be told."""

    def test(study: Study) -> Verdict:
        del study
        raise CannotTell(why)

    return test
