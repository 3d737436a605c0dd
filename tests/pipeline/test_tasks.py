"""Numbers to learn, and another metric than accuracy, through the whole pipeline."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from peft import PeftModel
from scipy.stats import pearsonr
from sklearn.metrics import matthews_corrcoef
from transformers import AutoModelForSequenceClassification

from study.records import prepared
from study.records.logits import read_logits
from tests.pipeline import toys
from tests.pipeline.study import ALL_STAGES, NOT_DRAWN, Study
from tests.pipeline.test_other_sources import answers
from tests.pipeline.test_pairs import MODEL, with_pooler


def test_a_regression_from_the_file_to_the_page(study: Study) -> None:
    rows = [
        row | {"label": f"{row['label'] + len(row['text']) / 90:.3f}"} for row in toys.sentences()
    ]
    toys.write_csv(study.root / "toys/rated.csv", rows)
    with_pooler(study.root)
    study.experiment(f"model.name={MODEL}", "data.name=toys/rated.csv", "data.task=regression")
    data = prepared.load(study.root / "data/prepared")
    logits = read_logits(study.root / "metrics/logits/lora-r2.safetensors")
    record = json.loads(study.text("metrics/runs/lora-r2.json"))
    assert (record["metric"], record["label_names"]) == ("pearson", [])
    picked = [run for run in record["runs"] if run["learning_rate"] == record["learning_rate"]]
    for run in picked:
        assert run["test_predictions"] == logits.test[run["seed"]][:, 0].tolist()
        told = pearsonr(run["test_predictions"], record["test_labels"]).statistic
        assert run["test_pearson"] == pytest.approx(told)
    summary = json.loads(study.text("metrics/summary.json"))
    mean = np.mean([run["test_pearson"] for run in picked])
    assert summary["lora"]["2"]["test_pearson"] == pytest.approx(mean)
    page = study.text("plots/report.html")
    assert "Arms are compared by Pearson" in page
    assert "not defined for regression" in page
    plain = AutoModelForSequenceClassification.from_pretrained(
        study.root / MODEL, num_labels=1, problem_type="regression"
    )
    adapted = PeftModel.from_pretrained(plain, study.root / "data/adapters/r2/s0").eval()
    again = answers(adapted, data)
    torch.testing.assert_close(again, torch.tensor(logits.test[0]), rtol=1e-5, atol=1e-5)
    config = json.loads(study.text("data/full/s0/config.json"))
    assert config["problem_type"] == "regression"


def test_another_metric_picks_and_compares(study: Study) -> None:
    done = study.experiment("statistics.metric=matthews", targets=NOT_DRAWN)
    assert set(done.ran) == ALL_STAGES - {"theory", "theory_bound", "plot", "report"}
    record = json.loads(study.text("metrics/runs/full.json"))
    for run in record["runs"]:
        told = matthews_corrcoef(record["test_labels"], run["test_predictions"])
        assert run["test_matthews"] == pytest.approx(told)
        scores = [(point["matthews"], -point["loss"]) for point in run["validation"]]
        assert scores.index(max(scores)) + 1 == run["best_epoch"]
    summary = json.loads(study.text("metrics/summary.json"))
    assert summary["metric"] == "matthews"
    assert "guessing" in json.loads(study.text("metrics/undertraining.json"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            ("statistics.metric=rmse",),
            'statistics.metric: "rmse" (with data.task: "classification")',
        ),
        (
            ("data.task=regression", "statistics.metric=matthews"),
            "allowed: auto, pearson, spearman or rmse",
        ),
    ],
)
def test_a_metric_of_another_task_is_refused_before_anything_is_read(
    study: Study, settings: tuple[str, ...], said: str
) -> None:
    toys.change(study.root / "params.yaml", dict(each.split("=") for each in settings))
    done = study.call("dvc", "repro", "check", status=None)
    assert done.status != 0
    assert said in done.output
