"""The loss on responses: where it is taken, its value and its gradient."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from study.models import response_loss
from study.models.response_loss import ResponseLoss, TokenLosses, responses
from study.records.runs import Evaluation
from tests.study.studies.instruct import toys


def test_response_tokens_are_the_last_ones_of_each_pair_and_the_token_before_predicts_them() -> (
    None
):
    data = toys.split()
    chosen = [[3, 0, 8], [1, 5, 2]]
    batch = toys.batch_of(data, chosen)
    at = responses(batch)
    flat = batch.input_ids.flatten()
    place = 0
    for number, pair in enumerate([*chosen[0], *chosen[1]]):
        ids = data.input_ids[data.offsets[pair] : data.offsets[pair + 1]].long()
        count = int(data.labels[pair])
        span = slice(place, place + count)
        assert torch.equal(at.targets[span], ids[-count:])
        assert torch.equal(flat[at.predictors[span]], ids[-count - 1 : -1])
        assert (at.pairs[span] == number).all()
        place += count
    assert place == len(at.targets)


@pytest.mark.parametrize("at_once", [1, 7 * 50, 2**20])
@pytest.mark.parametrize("biased", [True, False])
def test_values_and_gradients_are_those_of_cross_entropy_however_many_at_once(
    at_once: int, biased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_loss, "_LOGITS_AT_ONCE", at_once)
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(23, 8, generator=draw, requires_grad=True)
    weight = torch.randn(50, 8, generator=draw)
    bias = torch.randn(50, generator=draw) if biased else None
    targets = torch.randint(0, 50, (23,), generator=draw)
    scale = torch.randn(23, generator=draw)
    losses, right = TokenLosses.apply(rows, weight, bias, targets)
    logits = F.linear(rows, weight, bias)
    expected = F.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(losses, expected)
    assert torch.equal(right, logits.argmax(1) == targets)
    (ours,) = torch.autograd.grad((losses * scale).sum(), rows)
    (theirs,) = torch.autograd.grad((expected * scale).sum(), rows)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_the_objective_is_the_mean_over_response_tokens_not_over_pairs() -> None:
    objective = ResponseLoss()
    outputs = torch.tensor([[[6.0, 1.0], [1.0, 1.0]], [[3.0, 0.0], [0.0, 1.0]]])
    labels = torch.tensor([[3, 1], [2, 1]])
    assert objective.loss(outputs, labels).tolist() == [7 / 4, 1.0]
    assert objective.weight(labels).tolist() == [4.0, 3.0]
    accuracy, loss = objective.evaluate(outputs[0], labels[0])
    assert (accuracy, loss) == (0.5, 1.75)


def test_a_lower_loss_is_better_whatever_the_accuracy() -> None:
    point, other = Evaluation(2, 9, 0.1, 1.0), Evaluation(1, 5, 0.9, 1.1)
    assert ResponseLoss().better(point, other)
    assert not ResponseLoss().better(other, point)
    assert not ResponseLoss().better(point, point)
