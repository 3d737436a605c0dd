"""Claims that one study cannot judge, whatever it measures; each says why, and what would tell.

Most compare two settings of which a study has one: then two experiments tell, side by side in
`dvc exp show` or `dvc metrics diff`. The constants are sentences without their full stop.
"""

from __future__ import annotations

from study.claims.advice import run
from study.claims.cut import other_targets
from study.claims.evidence import Study, Test, part
from study.claims.verdicts import CannotTell, Verdict
from study.records.arm_names import FULL, LORA

_BESIDE = "beside this study, in `dvc exp show`"
_EFFECT = "benchmarks/README.md, on the default study,"

ONE_TASK = (
    "it compares tasks or models, and a study has one of each. Another task, "
    f"{run('data.name=...', 'model.name=...')}, {_BESIDE}, would tell"
)
NO_GENERATION = (
    "it is about models that write text, and this study trains classifiers, whatever its settings: "
    "`dvc repro instruct/dvc.yaml` tunes one that writes, by rank (instruct/README.md), and has no "
    "full fine-tuning beside it"
)
ONE_ALPHA = (
    "it compares values of alpha, and a study trains its transformer with one. "
    f"{run('lora.scaling=proportional', 'lora.alpha=2')} and the same with 1 and 4 would tell"
)
ONE_START = (
    "it compares starts of A and B, and a study has one. "
    f"{run('lora.init=pissa')}, {_BESIDE}, would tell of one whose B is not zero"
)
DROPOUT = (
    f"a study has one dropout and one data set. {run('lora.dropout=0.05', 'data.train_size=500')} "
    f"beside {run('lora.dropout=0', 'data.train_size=500')} would tell. {_EFFECT} has one beside "
    "none"
)
NO_AUGMENTATION = "the study has no augmentation of data, and no setting for it"
WARMUP = (
    f"a study has one schedule. {run('train.warmup_share=0')} and {run('train.schedule=constant')},"
    f" {_BESIDE}, would tell. {_EFFECT} has schedules side by side"
)
ONE_OPTIMISER = "the study's transformers are trained by AdamW, and no setting changes that"
MEMORY = (
    "memory is a machine's, and no claim may depend on it. benchmarks/README.md (Training within "
    "memory) has it for the default study under each of these; metrics/machine has this study's: "
    f"{run('train.precision=fp32')} beside bf16, and {run('train.gradient_accumulation_steps=4')}, "
    f"{run('train.activation_checkpointing=true')} or {run('train.offload_frozen=true')} beside "
    "this study would show it there"
)
OTHER_METHODS = (
    "the arms of this study are the head alone, LoRA and full fine-tuning; "
    "`dvc repro methods/dvc.yaml` trains the others beside them, and methods/README.md has what "
    "they cost, keep and which of them can be merged"
)
FOUR_BITS = (
    "this study's base is in 16 or 32 bits; `dvc repro methods/dvc.yaml` trains LoRA on one in 4 "
    "bits (qlora), and methods/README.md has its accuracy, bytes, memory and speed beside LoRA's"
)
STACKING = (
    "it is about several adapters in one model, and this study applies one at a time; "
    "`dvc repro stacking/dvc.yaml` adds its adapter to one of another task (stacking/README.md)"
)
NO_PRUNING = (
    "it would take leaving out parts of the pretrained model, which no setting of this study does"
)


def unmeasured(why: str) -> Test:
    """Return a test that says why it cannot be told."""

    def test(study: Study) -> Verdict:
        del study
        raise CannotTell(why)

    return test


def one_target(study: Study) -> Verdict:
    """Say that a study adapts one choice of matrices, and which command adapts all."""
    adapted = len(part(study.capacity, "capacity", "target_modules"))
    raise CannotTell(
        f"it compares choices of adapted matrices, and a study has one. {other_targets(study)} "
        f"adapts all, and {_BESIDE}, would tell; `dvc repro placement/dvc.yaml` trains several "
        "choices beside it, and placement/README.md has the verdicts",
        adapted=adapted,
        linear_layers=len(part(study.capacity, "capacity", "modules")),
    )


def drift(study: Study) -> Verdict:
    """Tell how far LoRA's and full fine-tuning's outputs drifted, of which no harm is known."""
    if "undefined" in study.agreement:
        raise CannotTell(str(study.agreement["undefined"]))
    arms = part(study.agreement, "agreement", "divergence", "arms")
    by_arm = {arm: [row for row in arms if row["arm"] == arm] for arm in (LORA, FULL)}
    found = {arm: [row["from_pretrained"] for row in rows] for arm, rows in by_arm.items()}
    raise CannotTell(
        "the study measures the drift, as KL divergence of its outputs from those of the "
        "pretrained encoder under a trained head, but not on text of other tasks, which a drift "
        "would harm: `dvc repro drift/dvc.yaml` measures it there (drift/README.md)",
        least_of_lora=min(found[LORA]),
        most_of_lora=max(found[LORA]),
        full_fine_tuning=found[FULL][0],
    )
