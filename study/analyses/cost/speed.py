"""What `metrics/machine/cost.json` says: latency, training throughput, memory.

All of it is of one machine at one moment, and nothing depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lora import peft_format
from lora.adapter import Adapter
from study.analyses.cost import memory
from study.analyses.cost.equal import TOLERANCE, paired_ratio, verdict, words
from study.analyses.cost.intervals import Spread
from study.analyses.cost.latency import (
    BASE,
    DOUBLE,
    Timings,
    merged,
    time_calls,
    unmerged,
    variants,
)
from study.analyses.cost.plain import adapter_folder, load_plain, padded_batches
from study.analyses.cost.throughput import Timed, Trainer, synchronizer
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.prepared import Prepared
from study.training.machine import compute_dtype, device

if TYPE_CHECKING:
    from study.settings.whole import Settings


def speed(settings: Settings, folder: str | Path, data: Prepared, root: Path) -> dict[str, Any]:
    """Measure everything; `latency`, `training` and `memory` are rows, see the functions below.

    Args:
        folder: of the prepared data, which `data` is.
        root: of the study: holds data/adapters/.

    Raises:
        StudyError: an adapter is missing, or the model cannot be loaded.
    """
    ranks = sorted(settings.lora.ranks)
    adapters = {
        rank: peft_format.load(adapter_folder(root, rank, settings.seeds[0])) for rank in ranks
    }
    arms = [(HEAD_ONLY, None), *((LORA, rank) for rank in ranks), (FULL, None)]
    say("latency")
    rows = latency(settings, data, adapters)
    say("training")
    trained = training(settings, data, arms)
    say("memory")
    held = memory.peaks(settings, folder, arms)
    return {
        "sentences": len(data.test.first(settings.cost.sentences)),
        "repeats": settings.cost.repeats,
        "tolerance": TOLERANCE,
        "latency": rows,
        "training": trained,
        "memory": held,
    }


def say(what: str) -> None:
    """Tell the user what is measured now."""
    print(f"cost: measuring {what}", flush=True)


def latency(
    settings: Settings, data: Prepared, adapters: Mapping[int, Adapter]
) -> list[dict[str, Any]]:
    """Time inference in fp32 and in the study's precision, one sentence at a time and in batches.

    Returns:
        A row for each precision and batch size: `base`, `base_again`, `merged` by rank, of those
        in `merged_ranks`, and `unmerged` by rank. Each has `milliseconds` a sentence and its
        `ratio` to the base (median, lowest and highest of the repeats), and the `interval` of the
        median ratio of single calls, each with the base's on the same batch. Of a merged one
        `verdict` and `words` say whether it is as fast as the base (`study.analyses.cost.equal`).
    """
    used = device(settings.train)
    chosen = data.test.first(settings.cost.sentences)
    dtypes = {"fp32": torch.float32, settings.train.precision: compute_dtype(settings.train)}
    to_merge = merged_ranks(list(adapters))
    rows = []
    for precision, dtype in dtypes.items():
        base = load_plain(settings.model.name, data, dtype).to(used)
        models = variants(base, adapters, to_merge)
        for size in sorted({1, settings.train.batch_size}):
            batches = [
                {name: tensor.to(used) for name, tensor in batch.items()}
                for batch in padded_batches(chosen, size, data.pad_token_id)
            ]
            timings = time_calls(models, batches, settings.cost.repeats, synchronizer(used))
            rows.append(
                {"precision": precision, "batch_size": size, "calls": len(timings.repeat)}
                | described(timings, list(adapters), to_merge)
            )
    return rows


def merged_ranks(ranks: list[int]) -> list[int]:
    """Return which ranks are merged: the smallest and the largest, as all give the base's shapes.

    No rank that is picked or quoted is among what this reads: quoting another would time it all
    again.
    """
    return sorted({min(ranks), max(ranks)})


def described(timings: Timings, ranks: list[int], to_merge: list[int]) -> dict[str, Any]:
    """Return one row's models, the merged ones with their verdicts."""
    return {
        "base": _model(timings, BASE),
        "base_again": _model(timings, DOUBLE),
        "merged": [
            {"rank": rank} | _model(timings, merged(rank)) | _verdict(timings, merged(rank))
            for rank in to_merge
        ],
        "unmerged": [{"rank": rank} | _model(timings, unmerged(rank)) for rank in ranks],
    }


def training(
    settings: Settings,
    data: Prepared,
    arms: Sequence[tuple[str, int | None]],
    trainer_of: type[Trainer] = Trainer,
) -> list[dict[str, Any]]:
    """Time training of each arm, in turns; the first turn is a warm-up that nobody counts.

    Args:
        arms: full fine-tuning among them.
        trainer_of: what trains them.

    Returns:
        A row for each arm: `sentences_per_second`, `tokens_per_second` and the `ratio_to_full`
        (of speeds, so that above 1 is faster), each with the median, lowest and highest repeat.
    """
    used = device(settings.train)
    trainer = trainer_of(settings, data, used)
    order = np.random.default_rng(0)
    taken: dict[tuple[str, int | None], list[Timed]] = {arm: [] for arm in arms}
    for turn in range(settings.cost.repeats + 1):
        for place in order.permutation(len(arms)):
            timed = trainer.train(*arms[place])
            if turn:
                taken[arms[place]].append(timed)
    speeds = {
        arm: np.array([timed.sentences / timed.seconds for timed in of])
        for arm, of in taken.items()
    }
    return [
        {
            "arm": arm,
            "rank": rank,
            "sentences_per_second": Spread.of(speeds[arm, rank]).to_json(),
            "tokens_per_second": Spread.of([t.tokens / t.seconds for t in of]).to_json(),
            "ratio_to_full": Spread.of(speeds[arm, rank] / speeds[FULL, None]).to_json(),
        }
        for (arm, rank), of in taken.items()
    ]


def _model(timings: Timings, name: str) -> dict[str, Any]:
    return {
        "milliseconds": Spread.of(1e3 * timings.per_sentence(name)).to_json(),
        "ratio": Spread.of(timings.ratios(name)).to_json(),
        "interval": paired_ratio(timings.seconds[name], timings.seconds[BASE]).to_json(),
    }


def _verdict(timings: Timings, name: str) -> dict[str, str]:
    found = paired_ratio(timings.seconds[name], timings.seconds[BASE])
    given = verdict(found, len(timings.repeat))
    return {"verdict": given, "words": words(given, found)}
