"""The whole probe on a toy model, against what plain transformers and scikit-learn give."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from study.batches.feeds import TokenFeed
from study.models.packed import parameter_count
from study.probes import probe as probing
from study.probes.probe import linear_probe
from study.records.prepared import Prepared, Split
from tests.study import toys
from tests.study.toys import CPU, saved


def relabelled(data: Prepared, classes: int) -> Prepared:
    """The same sentences, labelled by their first token."""

    def split(old: Split) -> Split:
        first = old.input_ids[old.offsets[:-1]].long()
        return dataclasses.replace(old, labels=first % classes)

    return dataclasses.replace(
        data,
        train=split(data.train),
        validation=split(data.validation),
        test=split(data.test),
        label_names=tuple(f"class {i}" for i in range(classes)),
    )


@pytest.mark.parametrize("name", ["bert", "distilbert", "gpt2"])
def test_it_is_scikit_learns_fit_on_the_states_of_plain_transformers(name: str) -> None:
    data = toys.prepared(train=80, validation=60, test=50)
    model = toys.load(saved(name))
    found = linear_probe(model, data, TokenFeed(data, 1, CPU))

    def plain(split: str) -> np.ndarray:
        rows, model = getattr(data, split), toys.reference(saved(name))
        inputs, _ = toys.padded(rows, torch.arange(len(rows)), data.pad_token_id)
        with torch.no_grad():
            hidden = model.base_model(**inputs).last_hidden_state
        real = inputs["attention_mask"].unsqueeze(-1)
        states = {
            "mean": (hidden * real).sum(dim=1) / real.sum(dim=1),
            "first": hidden[:, 0],
            "last": hidden[torch.arange(len(rows)), real[..., 0].sum(dim=1) - 1],
        }
        if name == "bert":
            states["pooled"] = model.base_model.pooler(hidden).detach()
        return states[found.state].double().numpy()

    scaler = StandardScaler().fit(plain("train"))
    regression = LogisticRegression(C=found.c, max_iter=9999, tol=1e-6)
    regression.fit(scaler.transform(plain("train")), data.train.labels.numpy())
    for split, predictions in (
        ("validation", found.validation_predictions),
        ("test", found.test_predictions),
    ):
        expected = regression.predict(scaler.transform(plain(split)))
        assert list(predictions) == expected.tolist()
    assert found.test_labels == tuple(data.test.labels.tolist())
    assert found.test_score == np.mean(
        np.array(found.test_predictions) == np.array(found.test_labels)
    )
    assert found.validation_score == max(each.validation_score for each in found.states)
    assert found.trainable_parameters == 16 + 1
    assert found.total_parameters == parameter_count(model.base_model) + 17
    assert found.left_out.keys() == (set() if name == "bert" else {"pooled"})


def test_many_classes_and_the_same_every_time() -> None:
    data = relabelled(toys.prepared(train=200, validation=60, test=50), 5)
    once, again = (
        linear_probe(toys.load(saved("bert")), data, TokenFeed(data, 1, CPU)) for _ in range(2)
    )
    assert once == again
    assert once.to_json() == again.to_json()
    assert once.trainable_parameters == 5 * 17
    assert once.state == "first"  # the label is the first token's
    assert once.validation_score > 0.4  # a class of five by chance: 0.2
    assert once.label_names == tuple(f"class {i}" for i in range(5))


def test_where_only_the_mean_separates_it_is_picked_and_test_is_seen_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The states are put in place of the model's; on test the other kinds would be better."""
    data = toys.prepared(train=200, validation=100, test=60)
    asked = []

    def made(model: object, feed: TokenFeed, split: str) -> dict[str, torch.Tensor]:
        del model
        asked.append(split)
        truth = feed.labels(split).float() * 2 - 1
        draw = torch.Generator().manual_seed(len(asked))
        rows = {k: torch.randn(len(truth), 4, generator=draw) for k in ("pooled", "first", "mean")}
        rows["first" if split == "test" else "mean"][:, 0] += 9 * truth
        return rows

    monkeypatch.setattr(probing, "states", made)
    found = linear_probe(toys.load(saved("bert")), data, TokenFeed(data, 1, CPU))
    assert asked == ["train", "validation", "test"]
    assert found.state == "mean"
    assert found.validation_score > 0.98
    assert found.test_score < 0.8
