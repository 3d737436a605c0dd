"""The arms that are made of one fully tuned model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from torch import Tensor
from transformers import PreTrainedModel

from study.analyses.capacity.record import FULL, RANK_ZERO, TARGETS, Arm
from study.analyses.capacity.truncation import KINDS, TruncatedUpdate
from study.evaluation.evaluator import Evaluator
from study.models.matrices import linear_modules, weight_of
from study.records.prepared import Split


def tuned_arms(
    evaluator: Evaluator,
    tuned: PreTrainedModel,
    ranks: Sequence[int],
    targets: Collection[str],
    sentences: Split,
) -> Iterator[tuple[Arm, dict[str, Tensor]]]:
    """Yield (arm, logits (n, num_labels) by split): `FULL` first, as it was tuned.

    The split is "test"; of the truncated arms, between which validation chooses, "validation" too.
    In the truncated arms and in `RANK_ZERO` everything but the matrices of linear layers stays as
    it was tuned; in `TARGETS` everything but the head and the matrices of `targets` is pretrained.

    Args:
        evaluator: of the pretrained model; holds the last arm afterwards.
        sentences: whose inputs to each layer weigh the truncation.

    Raises:
        StudyError: the tuned model is of another form than the pretrained one.
    """
    every = {name: p.detach() for name, p in tuned.named_parameters()}
    evaluator.put(every)
    yield (FULL, None), {"test": evaluator.logits("test")}
    after = {name: weight_of(module) for name, module in linear_modules(tuned).items()}
    moments = evaluator.second_moments(sentences)
    updates = {
        name: TruncatedUpdate(W0, after[name], moments.get(name), max(ranks))
        for name, W0 in evaluator.matrices.items()
    }
    for kind in KINDS:
        for rank in ranks:
            evaluator.put_matrices({name: x.weight(kind, rank) for name, x in updates.items()})
            both = {split: evaluator.logits(split) for split in ("test", "validation")}
            yield (kind, rank), both
    evaluator.put_matrices(evaluator.matrices)
    yield (RANK_ZERO, None), {"test": evaluator.logits("test")}
    evaluator.put(evaluator.pretrained)
    evaluator.put_matrices({name: after[name] for name in targets})
    yield (TARGETS, None), {"test": evaluator.logits("test")}
