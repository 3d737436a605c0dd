"""Builds what is handed out, checks it and writes it: adapter, merged model, and their cards."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lora import peft_format
from lora.adapter import Adapter
from study.entry.errors import StudyError
from study.models.pretrained import quiet
from study.pages.selected.base import load_base, with_lacking
from study.pages.selected.card import adapter_card, merged_card
from study.pages.selected.facts import Facts
from study.pages.selected.loading import adapter_lines, merged_lines
from study.pages.selected.measured import measured_logits
from study.pages.selected.merging import CHECKED, merge_checked
from study.pages.selected.padding import load_tokenizer, pad_with
from study.pages.selected.pick import best_run, recommendation
from study.records.json_file import read_json
from study.records.prepared import Prepared
from study.records.runs import read_arm
from study.training.machine import compute_dtype

if TYPE_CHECKING:
    from study.settings.whole import Settings

AGREE = 0.9
"""Of the test sentences, the share that the files must classify as the run did."""
NONE_SELECTED = """# No adapter was selected

No rank of LoRA trained well enough to be recommended. `plots/report.html` and
`metrics/undertraining.json` say of each arm what was wrong, and with which settings to train again.

To get an adapter all the same: `dvc exp run -S select.force=true`.
"""


def select(settings: Settings, data: Prepared, root: str | Path = ".") -> Facts | None:
    """Pick, merge and check the recommended rank's best run; write it below data/selected/.

    Where no rank is recommended, data/selected/ holds a README that says so and None is returned,
    unless `select.force` asks for an adapter all the same.

    Args:
        root: of the study: holds metrics/, data/adapters/ and, afterwards, data/selected/.

    Raises:
        StudyError: a record or the adapter is missing or does not fit the rest, or the merged model
            does not compute what base and adapter do, or what the run did, in a padded batch.
    """
    root = Path(root)
    records = {
        name: read_json(root / f"metrics/{name}.json")
        for name in ("summary", "data", "sufficient_rank")
    }
    ranks, force = settings.lora.ranks, settings.select.force
    picked = recommendation(records["sufficient_rank"], ranks, force=force)
    target = root / "data/selected"
    if picked is None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        (target / "README.md").write_text(NONE_SELECTED, encoding="utf-8")
        return None
    arm = read_arm(root / f"metrics/runs/lora-r{picked.rank}.json")
    run = best_run(arm)
    name = settings.model.name
    base = load_base(name, arm.label_names)
    folder = root / f"data/adapters/r{picked.rank}/s{run.seed}"
    adapter = _adapter(folder, picked.rank)
    dtype = compute_dtype(settings.train)
    adapter = with_lacking(adapter, base, name, dtype, data)
    tokenizer = load_tokenizer(name, data.max_length)
    padding = pad_with(base.model, tokenizer, data)
    try:
        measured = measured_logits(name, adapter, data, min(CHECKED, len(data.test)))
        checked = merge_checked(base.model, adapter, data.test, padding, measured)
    except (KeyError, ValueError, RuntimeError) as error:  # it fits another model
        raise StudyError(f"{folder}: {error}; run `dvc repro lora@{picked.rank}`") from error
    agree = _agreement(checked.predictions.numpy(), np.array(run.test_predictions))
    if agree < AGREE:
        raise StudyError(
            f"data/adapters/r{picked.rank}/s{run.seed}: answers {100 * agree:.1f} % of the test "
            f"sentences as its run did; allowed: {100 * AGREE:g} % and more; run "
            f"`dvc repro lora@{picked.rank}`"
        )
    facts = Facts(settings, **records, picked=picked, arm=arm, run=run, config=adapter.config,
                  base=base, checked=checked, padding=padding)  # fmt: skip
    shutil.rmtree(target, ignore_errors=True)
    peft_format.save(adapter, target / "adapter")
    with quiet():
        base.model.save_pretrained(target / "merged")
        tokenizer.save_pretrained(target / "merged")
    longest, pairs = data.max_length, facts.pairs_of is not None
    lines = adapter_lines(name, base, padding, "data/selected/adapter", longest, pairs=pairs)
    adapter_card(facts, lines).save(target / "adapter/README.md")
    lines = merged_lines("data/selected/merged", pairs=pairs)
    merged_card(facts, lines).save(target / "merged/README.md")
    return facts


def _agreement(again: NDArray[Any], before: NDArray[Any]) -> float:
    """Return the share of predictions that are as before; numbers within a tenth of their spread.

    Training computed in bf16 for all that is known here.
    """
    if again.dtype.kind == "i":
        return float((again == before).mean())
    return float((np.abs(again - before) <= 0.1 * before.std()).mean())


def _adapter(folder: Path, rank: int) -> Adapter:
    try:
        return peft_format.load(folder)
    except (OSError, ValueError) as error:
        raise StudyError(f"{error}; run `dvc repro lora@{rank}`") from error
