"""Stage linear_probe: a logistic regression on the frozen encoder's states, picked on validation.

Reads data/prepared/. Writes metrics/linear_probe.json: the kind of states and the penalty that
validation picked, what every kind reached there, and the picked probe's predictions. It says how
good the encoder's own states are, however the model's head reads them: without it, a head that
reads the wrong ones would make every other arm look good.
"""

from __future__ import annotations

import time

from study.batches.feeds import TokenFeed
from study.entry import command
from study.entry.sections import load
from study.metrics.measure import measure_named
from study.models.packed import load_for
from study.probes.probe import linear_probe
from study.records import prepared
from study.records.json_file import write_json
from study.settings.model import MODEL
from study.settings.train import TRAIN
from study.training.machine import compute_dtype, device


def main() -> None:
    """Fit and pick the probe."""
    started = time.perf_counter()
    chosen = load(MODEL, TRAIN)
    data = prepared.load("data/prepared")
    used = device(chosen.train)
    # Without dropout: nothing of the encoder is trained.
    model = load_for(data, chosen.model.name, compute_dtype(chosen.train), device=used)
    found = linear_probe(model.to(used), data, TokenFeed(data, 1, used))
    write_json("metrics/linear_probe.json", found.to_json())
    measure = measure_named(found.metric)
    for each in found.states:
        score = f"{measure.shown(each.validation_score)} on validation"
        print(f"linear probe on {each.state} states: {score} at C = {each.c:g}")
    for kind, why in found.left_out.items():
        print(f"linear probe on {kind} states: left out, as {why}")
    score = f"{measure.shown(found.test_score)} on test"
    print(f"picked: {found.state} states, {score}; {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    command.run(main)
