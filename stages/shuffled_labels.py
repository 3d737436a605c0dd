"""Stage shuffled_labels: full fine-tuning again, on labels that were shuffled.

Reads data/prepared/ and, from metrics/runs/full.json, the learning rate that validation picked and
the epoch at which each seed's run was kept. Writes the tuned models of every seed as
data/shuffled_labels/s{seed}/ (of the same epoch: what is compared has trained for as long, and
validation has no say here), metrics/shuffled_labels.json,

    trained         whether there are any: where `spectra.shuffled_labels` asks for them and there
                    are two seeds to compare; else the folder is empty
    learning_rate   theirs
    epochs          at which each was kept, by seed
    last_loss       the training loss of the last steps up to there, nats, by seed
    test_accuracy   or test_ and the name of the study's metric; by seed; about that of guessing

and, for nobody to depend on, metrics/machine/shuffled_labels.json.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from study.arms import arm as arms
from study.arms.full import FullArm, save_tuned
from study.arms.shuffled import kept_epochs, shuffle_labels
from study.entry import command
from study.entry.sections import load
from study.metrics.measure import measure_of
from study.records import prepared
from study.records.json_file import write_json
from study.records.runs import read_arm
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.spectra import SPECTRA
from study.settings.train import TRAIN
from study.training import executors
from study.training.checkpoints import Checkpoints
from study.training.machine import Machine

MODELS = Path("data/shuffled_labels")
RECORD = Path("metrics/shuffled_labels.json")


def main() -> None:
    """Train the whole model on labels that mean nothing."""
    machine = Machine()
    chosen = load(SEEDS, MODEL, TRAIN, RAY, SPECTRA)
    shutil.rmtree(MODELS, ignore_errors=True)
    MODELS.mkdir(parents=True)
    if chosen.spectra.shuffled_labels and len(chosen.seeds) > 1:
        _train(chosen)
    else:
        write_json(RECORD, {"trained": False})
        print("shuffled labels: nothing is trained (spectra.shuffled_labels is false, or one seed)")
    path = "metrics/machine/shuffled_labels.json"
    machine.write(path, chosen.train, executor=chosen.train.executor)


def _train(chosen: Any) -> None:
    """Train every seed and write what it gave.

    Args:
        chosen: the sections that `main` loads.
    """
    task, data = read_arm("metrics/runs/full.json"), prepared.load("data/prepared")
    rate = task.learning_rate
    epochs = kept_epochs(
        task, chosen.seeds, chosen.train.epochs_of(len(data.train), data.num_labels)
    )
    executor = executors.choose(chosen)
    arm = FullArm(chosen, shuffle_labels(data), keep_epochs=epochs)
    groups = arms.plan("full", None, [rate], chosen.seeds, 1)
    decisive = (chosen.model.name, chosen.model.dropout, chosen.train.decisive(), epochs)
    checkpoints = Checkpoints("shuffled_labels", decisive, arm.data)
    results = arms.train_groups("shuffled labels", groups, arm, checkpoints, executor)
    save_tuned(arm, results, MODELS)
    measure = measure_of(arm.data.task, arm.data.metric)
    labels = arm.data.test.labels.numpy()
    write_json(
        RECORD,
        {
            "trained": True,
            "learning_rate": rate,
            "epochs": {str(r.run.seed): r.best_epoch for r in results},
            "last_loss": {str(r.run.seed): r.loss_values[-1] for r in results},
            f"test_{measure.name}": {
                str(r.run.seed): measure.value(
                    measure.answers(r.test_logits.numpy(), labels), labels
                )
                for r in results
            },
        },
    )
    checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
