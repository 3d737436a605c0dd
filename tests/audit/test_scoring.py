"""Scores are what plain PEFT and transformers compute; cuts are weighed by real inputs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

from audit.classified import class_indices
from audit.command import Asked, audit
from audit.directions import directions
from audit.moments import weighed_svd
from audit.saved import read
from audit.wanted import Wanted
from lora.spectra import truncate, truncate_weighted
from study.data.cleaning import Sentences
from study.entry.errors import StudyError
from tests.audit import tasks
from tests.audit.made import quiet


def scored(
    adapter: Path, file: Path, name: str = "data.csv", **asked: Any
) -> tuple[Any, list[str]]:
    """Audit an adapter on the data beside it: the record and what is printed."""
    wanted = asked.pop("wanted", {"max_length": 16})
    data = Wanted(name=str(adapter.parent / name), **wanted)
    said = list(audit(Asked(str(adapter), data=data, json=file, **asked)))
    return json.loads(file.read_text()), said


def accuracy(adapter: Path, folder: Path) -> float:
    """Plain PEFT's, sentence by sentence."""
    texts, labels = tasks.read_csv(folder / "data.csv")
    model = tasks.with_adapter(folder / "base", adapter)
    told = tasks.classify(model, folder / "base", texts).argmax(dim=1).tolist()
    return sum(str(a) == b for a, b in zip(told, labels, strict=True)) / len(labels)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_dora": True},
        {"init_lora_weights": "pissa"},
        {"target_modules": ["word_embeddings", "query"]},
    ],
    ids=["lora", "dora", "pissa", "embedding"],
)
def test_adapter_and_cut_score_as_in_plain_peft(settings: dict[str, Any], tmp_path: Path) -> None:
    adapter = tasks.classifier(tmp_path, **settings)
    record, said = scored(adapter, tmp_path / "f.json", rank=1, out=tmp_path / "cut")
    rows = {row["name"]: row for row in record["scores"]["rows"]}
    assert rows["adapter"]["score"] == accuracy(adapter, tmp_path)
    assert rows["rank 1"]["score"] == accuracy(tmp_path / "cut", tmp_path)
    assert record["scores"]["examples"] == tasks.SENTENCES
    assert said[0].startswith("Rank ")
    assert f"on {tasks.SENTENCES} sentences" in said[0]
    assert "rank 2" in rows
    difference = rows["rank 1"]["score"] - rows["adapter"]["score"]
    assert rows["rank 1"]["difference"]["points"] == pytest.approx(100 * difference)


def test_a_cut_that_ruins_the_adapter_is_told_to_be_worse(tmp_path: Path) -> None:
    """The adapter scores 80 % by the way its labels are made; the cut changes its answers."""
    adapter = tasks.classifier(tmp_path, size=1.0)
    record, said = scored(adapter, tmp_path / "f.json", parameters=0.03)
    rows = {row["name"]: row for row in record["scores"]["rows"]}
    assert rows["adapter"]["score"] == pytest.approx(0.8, abs=0.1)
    assert rows["as asked for"]["verdict"] == "worse"
    assert rows["as asked for"]["difference"]["high"] < 0
    assert any("Smallest cut that is not shown to be worse by 1 point: rank" in x for x in said)


def test_weighed_cuts_are_the_best_on_these_inputs() -> None:
    draw = torch.Generator().manual_seed(0)
    A = torch.randn(5, 9, generator=draw, dtype=torch.float64)
    B = torch.randn(7, 5, generator=draw, dtype=torch.float64)
    x = torch.randn(300, 9, generator=draw, dtype=torch.float64) * torch.logspace(0, -3, 9)
    for moment in (x.T @ x / 300, (x**2).mean(dim=0)):
        whole = moment if moment.ndim == 2 else moment.diag()
        svd = weighed_svd(A, B, 0.7, moment)
        D = 0.7 * B @ A
        torch.testing.assert_close(svd.U * svd.S @ svd.Vh, D, rtol=1e-9, atol=1e-10)
        for rank in range(1, 6):
            mine_A, mine_B = truncate(svd, rank)
            best_A, best_B = truncate_weighted(D, whole, rank)
            torch.testing.assert_close(mine_B @ mine_A, best_B @ best_A, rtol=1e-6, atol=1e-8)
            missing = mine_B @ mine_A - D
            loss = float(torch.einsum("oi,ij,oj->", missing, whole, missing))
            assert loss == pytest.approx(float(svd.S[rank:].square().sum()), rel=1e-6, abs=1e-12)


def test_directions_that_no_input_reaches_are_dropped() -> None:
    A, B = torch.eye(2, 4, dtype=torch.float64), torch.eye(3, 2, dtype=torch.float64)
    svd = weighed_svd(A, B, 1.0, torch.tensor([0.0, 4.0, 1.0, 1.0]))
    torch.testing.assert_close(svd.S, torch.tensor([2.0, 0.0], dtype=torch.float64))
    assert torch.isfinite(svd.Vh).all()


def test_energies_are_those_of_the_outputs_on_the_data(tmp_path: Path) -> None:
    """Of all sentences' tokens, padding left out: inputs are taken one sentence at a time here."""
    adapter = tasks.classifier(tmp_path, target_modules=["query", "word_embeddings"])
    record, _ = scored(adapter, tmp_path / "f.json")
    assert record["weighed"]
    model = tasks.with_adapter(tmp_path / "base", adapter)
    inputs: dict[str, list[torch.Tensor]] = {}
    hooks = []
    for name, layer in model.base_model.model.named_modules():
        if hasattr(layer, "get_delta_weight"):

            def see(_: Any, given: Any, name: str = name) -> None:
                inputs.setdefault(name, []).append(given[0][0].detach())

            hooks.append(layer.register_forward_pre_hook(see))
    texts, _ = tasks.read_csv(tmp_path / "data.csv")
    tasks.classify(model, tmp_path / "base", texts)
    energies = torch.zeros(4, dtype=torch.float64)
    for module, A, B in read(adapter).factors():
        x = torch.cat(inputs[module.name])
        if module.embedding:
            x = F.one_hot(x, module.in_features)
        y = x.double() @ (module.scaling * B @ A).T / len(x) ** 0.5
        energies += torch.linalg.svdvals(y)[:4].square()
    shares = energies.cumsum(0) / energies.sum()
    for row in record["energy_by_rank"]:
        assert row["energy"] == pytest.approx(float(shares[row["rank"] - 1]), abs=1e-5)


@torch.no_grad()
def losses(model: Any, folder: Path) -> list[float]:
    """Mean loss of each response's tokens, pair by pair."""
    tokenizer = AutoTokenizer.from_pretrained(folder / "base")
    found = []
    for line in (folder / "pairs.jsonl").read_text().splitlines():
        row = json.loads(line)
        written = f"### Instruction:\n{row['instruction']}\n\n### Response:\n"
        prompt = tokenizer(written, add_special_tokens=False)["input_ids"]
        whole = tokenizer(written + row["output"] + tokenizer.eos_token, add_special_tokens=False)[
            "input_ids"
        ]
        assert whole[: len(prompt)] == prompt
        logits = model(input_ids=torch.tensor([whole])).logits[0, len(prompt) - 1 : -1]
        found.append(float(F.cross_entropy(logits, torch.tensor(whole[len(prompt) :]))))
    return found


def test_a_language_model_is_scored_by_the_perplexity_of_responses(tmp_path: Path) -> None:
    adapter = tasks.language_model(tmp_path)
    record, said = scored(
        adapter,
        tmp_path / "f.json",
        "pairs.jsonl",
        rank=1,
        out=tmp_path / "cut",
        wanted={"max_length": 96},
    )
    rows = {row["name"]: row for row in record["scores"]["rows"]}
    for name, folder in (("adapter", adapter), ("rank 1", tmp_path / "cut")):
        with quiet():
            base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
            model = PeftModel.from_pretrained(base, folder).eval()
        every = losses(model, tmp_path)
        mean = sum(every) / len(every)
        assert rows[name]["score"] == pytest.approx(mean, abs=1e-4)
        assert rows[name]["shown"] == f"{math.exp(mean):.2f}"
    assert "on 30 pairs" in said[0]


@pytest.mark.parametrize(
    ("labels", "size", "names", "wanted"),
    [
        (("1", "0", "1"), 2, {0: "LABEL_0", 1: "LABEL_1"}, [1, 0, 1]),
        (("1", "0", "1"), 5, {}, [1, 0, 1]),
        (("neg", "pos", "neg"), 2, {0: "pos", 1: "neg"}, [1, 0, 1]),
        (("neg", "pos", "neg"), 2, {0: "LABEL_0", 1: "LABEL_1"}, [0, 1, 0]),
        (("1", "2", "10"), 3, {}, [0, 1, 2]),
    ],
)
def test_labels_are_the_adapters_outputs(
    labels: tuple[str, ...], size: int, names: dict[int, str], wanted: list[int]
) -> None:
    sentences = Sentences(tuple(f"text {i}" for i in range(len(labels))), labels)
    assert class_indices(sentences, None, size, names, "here") == wanted


def another(labels: list[str]) -> Any:
    def spoil(folder: Path) -> None:
        texts, _ = tasks.read_csv(folder / "data.csv")
        chosen = [labels[i % len(labels)] for i in range(len(texts))]
        tasks.write_csv(folder / "data.csv", texts, chosen)

    return spoil


def config(**changes: Any) -> Any:
    def spoil(folder: Path) -> None:
        file = folder / "adapter" / "adapter_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "wanted", "words"),
    [
        (another(["a", "b", "c"]), {}, "3 classes .*, and the adapter tells 2 apart"),
        (another(["0.5", "1.5"]), {}, "has a fraction"),
        (lambda f: (f / "data.csv").unlink(), {}, "data.csv"),
        (lambda _: None, {"text": "review"}, "no column 'review'"),
        (lambda _: None, {"label": "stars"}, "no column 'stars'"),
        (lambda _: None, {"max_length": 99}, "99"),
        (config(task_type="TOKEN_CLS"), {}, "task_type 'TOKEN_CLS'"),
        (config(task_type=None), {}, "task_type None"),
        (config(task_type="CAUSAL_LM"), {}, "data.form"),
        (config(base_model_name_or_path="nowhere/"), {}, "nowhere"),
        (config(base_model_name_or_path=None), {}, "names no base"),
    ],
)
def test_data_of_another_task_is_one_error_and_nothing_is_written(
    spoil: Any, wanted: dict[str, Any], words: str, tmp_path: Path
) -> None:
    adapter = tasks.classifier(tmp_path)
    spoil(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    data = Wanted(str(tmp_path / "data.csv"), **{"max_length": 16, **wanted})
    asked = Asked(str(adapter), data=data, rank=1, out=tmp_path / "cut", json=tmp_path / "f.json")
    with pytest.raises(StudyError, match=words):
        list(audit(asked))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_head_of_numbers_is_scored_by_correlation(tmp_path: Path) -> None:
    adapter = tasks.classifier(tmp_path, outputs=1)
    record, _ = scored(adapter, tmp_path / "f.json")
    rows = {row["name"]: row for row in record["scores"]["rows"]}
    assert record["scores"]["metric"] == "pearson"
    assert rows["adapter"]["score"] == pytest.approx(1.0, abs=1e-4)  # labels are its own outputs


def test_directions_of_the_file_are_not_weighed_without_data(tmp_path: Path) -> None:
    adapter = tasks.classifier(tmp_path)
    list(audit(Asked(str(adapter), json=tmp_path / "f.json")))
    record = json.loads((tmp_path / "f.json").read_text())
    found = directions(read(adapter).factors())
    first = sum(float(one.squares[0]) for one in found)
    whole = sum(float(one.squares.sum()) for one in found)
    assert record["energy_by_rank"][0]["energy"] == pytest.approx(first / whole)
    assert not record["weighed"]
    assert "scores" not in record
