"""The classifier that full fine-tuning made, with weights that can be taken out and put in.

It computes as the run of full fine-tuning did: weights are cast from fp32 to the dtype of computing
on every change, embeddings and head stay fp32, batches are packed alike. With the tuned weights in
place it gives the run's own predictions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from transformers.pytorch_utils import Conv1D

from study.arms.full import all_parameters
from study.batches.feeds import EVALUATION_TOKENS, TokenFeed
from study.batches.packing import PackedBatch, by_length, pack
from study.entry.errors import StudyError
from study.evaluation.hidden_states import Outputs, outputs
from study.models.matrices import linear_modules, weight_of
from study.models.packed import PackedClassifier, load_for
from study.records.prepared import Prepared, Split
from study.training.loop import predict
from study.training.machine import compute_dtype, device

if TYPE_CHECKING:
    from study.settings.whole import Settings


class Evaluator:
    """One classifier; names of parameters and modules are those of Hugging Face's model.

    Attributes:
        pretrained: every parameter of the base model as it was, fp32 on the CPU.
        matrices: those of its linear layers (out, in), by the layer's name.
    """

    def __init__(self, settings: Settings, data: Prepared) -> None:
        self._data, self._device = data, device(settings.train)
        model = load_for(data, settings.model.name, torch.float32, device=self._device)
        linear = linear_modules(model)
        self.matrices = {name: weight_of(module) for name, module in linear.items()}
        self._transposed = {name for name, m in linear.items() if isinstance(m, Conv1D)}
        prefix = f"{model.base_model_prefix}."
        self.pretrained = {
            name: parameter.detach()
            for name, parameter in model.named_parameters()
            if name.startswith(prefix)
        }
        self._classifier = PackedClassifier(model, seeds=[0]).to(self._device)
        self._parameters, _ = all_parameters(self._classifier, compute_dtype(settings.train))
        # Views of the fp32 weights: what is written to them is what is computed with.
        row = self._parameters.unflatten(self._parameters.master[0])
        self._weights = {name.removeprefix("model."): x for name, x in row.items()}
        self._feed = TokenFeed(data, 1, self._device)  # nothing is trained

    def put(self, tensors: Mapping[str, Tensor]) -> None:
        """Take these parameters in, each of its own shape; the others stay.

        Raises:
            StudyError: a parameter that the model does not have, or has in another shape.
        """
        for name, tensor in tensors.items():
            own = self._weights.get(name)
            if own is None or own.shape != tensor.shape:
                has = "no such parameter" if own is None else f"it as {tuple(own.shape)}"
                raise StudyError(
                    f"data/full: {name} of shape {tuple(tensor.shape)}, but model.name has {has}; "
                    "run `dvc repro full`"
                )
            own.copy_(tensor)

    def put_matrices(self, matrices: Mapping[str, Tensor]) -> None:
        """Take in weights (out, in) of linear layers by the layer's name."""
        self.put({f"{n}.weight": x.T if n in self._transposed else x for n, x in matrices.items()})

    def logits(self, split: str) -> Tensor:
        """Return the logits of every sentence of a split by name, (n, num_labels) fp32."""
        return predict(self._classifier, self._parameters, self._feed, split)[0]

    def outputs(self) -> Outputs:
        """Return what the one run gives for the test sentences."""
        return outputs(self._classifier, self._parameters, self._feed, "test")

    @torch.no_grad()
    def second_moments(self, sentences: Split) -> dict[str, Tensor]:
        """Return S = E[x x^T] (in, in), fp32, of every linear layer's inputs on these sentences.

        The mean is over the rows that the layer computes: every token, and in the last layer of
        BERT's form, where only one token's output is read, that token for all but keys and values.
        A layer that computes nothing for the logits has none.
        """
        self._classifier.eval()
        views = self._parameters.views()
        inputs = _Inputs({name: views[f"model.{name}.weight"] for name in self.matrices})
        packed = self._data.batching == "packed"
        for chosen in (by_length if packed else of_one_length)(sentences, EVALUATION_TOKENS):
            batch = pack(sentences, [chosen], self._data.pad_token_id, blocks=2).to(self._device)
            inputs.begin(batch, padded=not packed)
            with inputs:
                functional_call(self._classifier, views, (batch,), tie_weights=False)
        return inputs.moments()


def of_one_length(split: Split, tokens: int) -> list[Tensor]:
    """Cut a split into parts (b,) of at most about `tokens` tokens, each of sentences as long."""
    parts = []
    for length in split.lengths.unique().tolist():
        alike = (split.lengths == length).nonzero()[:, 0]
        parts += list(alike.split(max(1, tokens // length)))
    return parts


class _Inputs(TorchFunctionMode):
    """Sums x^T x over the rows x that are multiplied by certain weights.

    It looks at the products themselves: a fused layer multiplies by its modules' weights without
    calling the modules, so that hooks on them would see nothing.

    Args:
        weights: by name, the tensors themselves that the products are computed with.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._names = {weight.data_ptr(): name for name, weight in weights.items()}
        self._sums: dict[str, Tensor] = {}
        self._rows: dict[str, int] = {}
        self._x: Tensor | None = None

    def begin(self, batch: PackedBatch, *, padded: bool) -> None:
        """Announce a batch of one run.

        Args:
            padded: as rows of one length, so that there is no padding and every row counts.
        """
        self._padded = padded
        self._places, self._tokens = batch.input_ids.numel(), batch.row_tokens[0]
        self._sentences = batch.labels.numel()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.linear:
            self._see(args[0], args[1])
        elif func is torch.addmm:  # Conv1D
            self._see(args[1], args[2])
        return func(*args, **(kwargs or {}))

    def _see(self, x: Tensor, weight: Tensor) -> None:
        name = self._names.get(weight.data_ptr())
        if name is None:
            return
        if self._x is not x:  # queries, keys and values share theirs
            rows = x.reshape(-1, x.shape[-1])
            # Tokens, without the padding behind them, or a row a sentence. (BERT's base model also
            # calls its pooler with the first token of all; nobody reads what comes of it.)
            counted = {self._places: self._tokens, self._sentences: self._sentences}
            real = len(rows) if self._padded else counted.get(len(rows), 0)
            rows = rows[:real].float()
            self._x, self._gram, self._count = x, rows.T @ rows, len(rows)
        self._rows[name] = self._rows.get(name, 0) + self._count
        if name in self._sums:
            self._sums[name] += self._gram
        else:
            self._sums[name] = self._gram.clone()

    def moments(self) -> dict[str, Tensor]:
        """Return the means, on the CPU."""
        return {
            name: (total / self._rows[name]).cpu()
            for name, total in self._sums.items()
            if self._rows[name]
        }
