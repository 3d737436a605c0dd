"""`python -m benchmarks.gpu`: what training many runs in one pass costs on this device.

LoRA runs of several seeds, learning rates and ranks train together, 1, 2, 4 and so on up to 128 of
them or as many as fit; a step is held against the device's own peak in matrix products and in
copying. Then `benchmarks.measure` runs on the same device and data, and the study's whole list of
runs is reckoned up with all LoRA runs in such groups. Only what training needs, peft, accelerate
and matplotlib are imported, so that prepared data and a model can be carried to a bare machine.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoConfig

from benchmarks import peak
from benchmarks.__main__ import RESULTS, slug
from benchmarks.data import DATA, load_data
from benchmarks.measure import measure
from benchmarks.settled import rates_of_lora
from benchmarks.together import cost, report, traffic
from benchmarks.together.timer import Chunks
from benchmarks.together.training import ladder
from study.entry import command
from study.entry.errors import StudyError
from study.entry.yaml_core import CoreLoader
from study.pages.figures import style
from study.records.json_file import read_json, write_json
from study.records.prepared import Prepared
from study.settings.whole import Settings, load
from study.sources.resolve import PACKAGE_PREFIX, display_name, resolve, resolve_model
from study.training.machine import Machine, device

RUNS = {"cuda": (1, 2, 4, 8, 16, 32, 64, 128), "cpu": (1, 2, 4)}
CHUNKS = Chunks(warmup=10, count=3, steps=20)
QUICK = Chunks(warmup=3, count=2, steps=1)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    parser.add_argument("--data", type=Path, default=DATA, help="what `prepare` made")
    parser.add_argument("--model", help="in the place of model.name: a folder, say, in bf16 too")
    parser.add_argument("--runs", type=int, nargs="+", help="how many train together")
    parser.add_argument("--sentences", type=int, help="the most of each split")
    parser.add_argument(
        "--no-study", action="store_true", help="leave out Trainer with PEFT, and the study"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few steps and sentences: shows that all works"
    )
    given = parser.parse_args()
    out = given.out.resolve()
    with workplace(given.data, given.model):
        found = whole(
            load(), given.runs, given.sentences, quick=given.quick, study=not given.no_study
        )
    print(report.table(found))
    stem = ("quick-" if given.quick else "") + slug(found["machine"]["device"]) + "-runs"
    write_json(out / f"{stem}.json", found)
    with style.styled():
        style.save(report.draw(found), out / stem)
    print(f"\nwritten: {given.out / stem}.json, .png, .svg")


@contextmanager
def workplace(data: Path, model: str | None) -> Iterator[None]:
    """Work in a folder with these data and this model, where the children find them too.

    Args:
        data: a folder of prepared data.
        model: in the place of the settings' model; None keeps that.

    Raises:
        StudyError: one of the two is not there.
    """
    if not data.is_dir():
        raise StudyError(f"--data: {data}: not there; a folder that the stage `prepare` made")
    load()  # its errors name this folder's params.yaml
    raw = yaml.load(Path("params.yaml").read_text(encoding="utf-8"), Loader=CoreLoader)
    name = raw["model"]["name"] if model is None else model
    path = resolve(name, "model", None if model is None else "--model").path
    raw["model"]["name"] = name if path is None or name.startswith(PACKAGE_PREFIX) else str(path)
    before = os.environ.get("PYTHONPATH")
    root = str(Path(__file__).resolve().parents[1])
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, DATA)
        link.parent.mkdir(parents=True)
        link.symlink_to(data.resolve(), target_is_directory=True)
        Path(folder, "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
        os.environ["PYTHONPATH"] = root if before is None else root + os.pathsep + before
        try:
            with chdir(folder):
                yield
        finally:
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before


def whole(
    settings: Settings,
    runs: Sequence[int] | None,
    sentences: int | None,
    *,
    quick: bool,
    study: bool,
) -> dict[str, Any]:
    """Measure everything; return what the result file holds.

    Args:
        runs: how many train together; None: `RUNS`. One run is always measured too.
        sentences: the most of each split, None for all.
        quick: as few steps as show that all works.
        study: measure Trainer with PEFT too, and reckon the study's time up.

    Raises:
        StudyError: data and model do not fit each other, there are too few data, a model that the
            benchmark cannot count, or not even one run fits in memory.
    """
    used = device(settings.train)
    counts = sorted({1, *(RUNS[used.type] if runs is None else runs)})
    if counts[0] < 1:
        raise StudyError(f"--runs: {counts[0]}; allowed: whole numbers of 1 or more")
    if quick and sentences is None:
        sentences = 8 * settings.train.batch_size
    data = load_data(sentences)
    check_ids(settings, data)
    chunks = fitting(len(data.train) // settings.train.batch_size, QUICK if quick else CHUNKS)
    peaks = roofs(used, quick)
    costs = ladder(settings, data, counts, chunks, used)
    found: dict[str, Any] = {
        "machine": machine(settings),
        "settings": {
            "model": display_name(settings.model.name),
            "sentences": {
                name: len(getattr(data, name)) for name in ("train", "validation", "test")
            },
            "tokens_per_sentence": float(data.train.lengths.double().mean()),
            "batch_size": settings.train.batch_size,
            "ranks": sorted({*settings.lora.ranks, settings.lora.rank}),
            "learning_rates": list(rates_of_lora(settings)),
        },
        "plan": {"quick": quick, **chunks.__dict__},
        "peak": peaks,
        "together": cost.figures(settings, data, costs, chunks, peaks),
        "does_not_fit": next((count for count in counts if count not in costs), None),
        "study": None,
        "side_by_side": None,
    }
    if study:
        beside = measure(settings, sentences, quick)
        found["side_by_side"] = beside
        found["study"] = cost.study(settings, data, costs, beside)
    return found


def check_ids(settings: Settings, data: Prepared) -> None:
    """Refuse token ids that the model has no embedding for.

    Raises:
        StudyError: there are some.
    """
    size = AutoConfig.from_pretrained(resolve_model(settings.model.name)).vocab_size
    largest = max(int(s.input_ids.max()) for s in (data.train, data.validation, data.test))
    if largest >= size:
        raise StudyError(
            f"--data: token id {largest}, made for {data.model_name}; model.name "
            f"{display_name(settings.model.name)!r} has ids 0 to {size - 1}"
        )


def fitting(per_epoch: int, wanted: Chunks) -> Chunks:
    """Shorten chunks until they fit in an epoch of so many whole minibatches.

    Raises:
        StudyError: there are too few of them.
    """
    steps = min(wanted.steps, (per_epoch - wanted.warmup) // wanted.count)
    if steps < 1:
        raise StudyError(
            f"--data: {per_epoch} whole minibatches to train on; at least "
            f"{wanted.warmup + wanted.count} are needed"
        )
    return Chunks(wanted.warmup, wanted.count, steps)


def roofs(used: torch.device, quick: bool) -> dict[str, float]:
    """Return the device's best GFLOP/s by dtype and GB/s of a copy, read and written."""
    sizes = (512,) if quick else peak.SIZES[used.type]
    peak.measure(used, sizes)  # kernels are made and threads started
    best = {f"{name}_gflops": speed for name, speed in peak.measure(used, sizes).items()}
    copied = traffic.copy_bandwidth(used, 1 << 22 if quick else None)
    return best | {"copy_gigabytes_per_second": copied / 1e9}


def machine(settings: Settings) -> dict[str, Any]:
    """Return what the machine is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "machine.json")
        Machine().write(path, settings.train)
        found: dict[str, Any] = read_json(path)
    kept = ("device", "device_type", "precision", "threads", "python", "versions")
    return {key: found[key] for key in kept}


if __name__ == "__main__":
    command.run(main)
