"""What `metrics/machine/cost.json` says: latency, training throughput, memory.

All of it is of one machine at one moment, and nothing depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lora import peft_format
from lora.adapter import Adapter
from study.cost import memory
from study.cost.intervals import Interval, Spread, median_ratio
from study.cost.latency import BASE, DOUBLE, MERGED, Timings, time_calls, unmerged, variants
from study.cost.plain import adapter_folder, first, load_plain, padded_batches
from study.cost.throughput import Timed, Trainer, synchronizer
from study.environment import compute_dtype, device
from study.labels import FULL, HEAD_ONLY, LORA
from study.prepared import Prepared
from study.settings import Settings

CONFIDENCE = 0.95
"""Of the intervals of ratios of times."""


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
        "sentences": len(first(data.test, settings.cost.sentences)),
        "repeats": settings.cost.repeats,
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
        A row for each precision and batch size: `base`, `base_again`, `merged` and `unmerged` by
        rank. Each has `milliseconds` a sentence and its `ratio` to the base (median, lowest and
        highest of the repeats), and the `interval` of the median ratio of single calls. `verdict`
        says whether merged is as fast as the base.
    """
    used = device(settings.train)
    chosen = first(data.test, settings.cost.sentences)
    dtypes = {"fp32": torch.float32, settings.train.precision: compute_dtype(settings.train)}
    rows = []
    for precision, dtype in dtypes.items():
        base = load_plain(settings.model.name, data, dtype).to(used)
        models = variants(base, adapters)
        for size in sorted({1, settings.train.batch_size}):
            batches = [
                {name: tensor.to(used) for name, tensor in batch.items()}
                for batch in padded_batches(chosen, size, data.pad_token_id)
            ]
            timings = time_calls(models, batches, settings.cost.repeats, synchronizer(used))
            rows.append(
                {"precision": precision, "batch_size": size, "calls": len(timings.repeat)}
                | described(timings, list(adapters))
            )
    return rows


def described(timings: Timings, ranks: list[int]) -> dict[str, Any]:
    """Return one row's models and its verdict."""
    found = {name: _model(timings, name) for name in (BASE, DOUBLE, MERGED)}
    return {
        "base": found[BASE],
        "base_again": found[DOUBLE],
        "merged": {"rank": max(ranks)} | found[MERGED],
        "unmerged": [{"rank": rank} | _model(timings, unmerged(rank)) for rank in ranks],
        "verdict": verdict(_interval(timings, MERGED), _interval(timings, DOUBLE)),
    }


def verdict(merged: Interval, double: Interval) -> str:
    """Say whether the merged model is as fast as the base, as far as this measurement can tell."""
    numbers = (
        f"merged takes {_times(merged)} of the base's time, a second copy of the base "
        f"{_times(double)}"
    )
    if merged.overlaps(double):
        return f"equal within noise: {numbers}"
    return f"{'slower' if merged.ratio > double.ratio else 'faster'}: {numbers}"


def training(
    settings: Settings, data: Prepared, arms: list[tuple[str, int | None]]
) -> list[dict[str, Any]]:
    """Time training of each arm, in turns; the first turn is a warm-up that nobody counts.

    Returns:
        A row for each arm: `sentences_per_second`, `tokens_per_second` and the `ratio_to_full`
        (of speeds, so that above 1 is faster), each with the median, lowest and highest repeat.
    """
    used = device(settings.train)
    trainer = Trainer(settings, data, used)
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


def _interval(timings: Timings, name: str) -> Interval:
    return median_ratio(timings.seconds[name], timings.seconds[BASE], CONFIDENCE)


def _model(timings: Timings, name: str) -> dict[str, Any]:
    return {
        "milliseconds": Spread.of(1e3 * timings.per_sentence(name)).to_json(),
        "ratio": Spread.of(timings.ratios(name)).to_json(),
        "interval": _interval(timings, name).to_json(),
    }


def _times(interval: Interval) -> str:
    return f"{interval.ratio:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
