"""A frozen linear layer with trainable low-rank factors, for one run or for several at once.

                    x  (N, in)
                    |
          +---------+----------+
          |                    |
      base, frozen          dropout
     W0 (out, in)              |
          |              A (rank, in)       uniform at the start
          |              B (out, rank)      zeros at the start
          |                    |
          |               * scaling
          +---------+----------+
                    |
                    y  (N, out) = x W0^T + bias + s (dropout(x) A^T) B^T

(Hu et al. 2021, arXiv 2106.09685, eq. 3.)

Independent adapters, called runs, may share one frozen base: A is (runs, rank, in) and
B (runs, out, rank), and the rows of x belong to the runs in equal shares, first run first. The
base needs one matrix product for all runs, the factors one batched product each.

Two variants change a part of it: DoRA rescales the rows of W0 + s B A (`lora.dora`), PiSSA starts A
and B from W0's principal part (`lora.pissa`).

A and B are bare parameters of a module that is no `nn.Linear`, so that a model's
`init_weights()`, which re-initialises every `nn.Linear` it meets, leaves them alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from lora import dora
from lora.principal import Principal
from lora.subclasses import is_plain

BaseLayer: TypeAlias = nn.Linear | Conv1D

# What a weight may be stored in. Anything else holds codes, not numbers: a delta cannot be added.
FLOATING = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


class LoRALinear(nn.Module):
    """`base(x) + scaling * (dropout(x) A^T) B^T`, with a run axis.

    With one run, x may have any leading shape, as for `nn.Linear`. With R > 1 runs the leading
    dimensions, flattened, are run-major: x.reshape(R, -1, in) puts run i's rows at index i.

    Runs of smaller rank are padded with zeros in the extra rows of A and the extra columns of B.
    Each of the two is the other's gradient, so that the padding's gradient is 0 and it stays 0.

    Attributes:
        base: the wrapped layer, frozen by `lora.inject`
        lora_A: fp32 (runs, rank, in), U(-1/sqrt(in), 1/sqrt(in)) as in PEFT and microsoft/LoRA
        lora_B: fp32 (runs, rows, rank), zeros; rows = out, or the number of chosen columns
        lora_magnitude_vector: DoRA's m, fp32 (runs, out); None without DoRA
        scaling: fp32 buffer (runs,)
        dropout: always an `nn.Dropout`, p = 0 included
        ranks: the rank of each run
        merged_run: the run whose update now stands in the base's weight (see `lora.merge`)
        enabled: False leaves the adapter out (see `lora.inject.disabled`)
        principal: what PiSSA took out of the base's weight; None without PiSSA
        active_run: the one run that x belongs to, all of it; None: x has rows of every run
    """

    lora_A: nn.Parameter
    lora_B: nn.Parameter
    lora_magnitude_vector: nn.Parameter | None
    scaling: Tensor
    columns: Tensor | None

    def __init__(
        self,
        base: BaseLayer,
        *,
        ranks: Sequence[int],
        scalings: Sequence[float],
        generators: Sequence[torch.Generator],
        dropout: float = 0.0,
        columns: Sequence[slice] | slice | None = None,
        use_dora: bool = False,
    ) -> None:
        """Wrap `base`; `ranks`, `scalings` and `generators` have one entry for each run.

        Args:
            base: an `nn.Linear` or transformers `Conv1D` with a floating-point weight
            ranks: of each run
            scalings: s of each run (alpha / rank, or alpha / sqrt(rank) in rsLoRA)
            generators: CPU generators that A is drawn from, one for each run, so that a run's A
                does not depend on which other runs share the layer
            dropout: probability of dropping an element of the low-rank path's input
            columns: the output features the update reaches, as one slice or several; None means
                all. GPT-2's fused `c_attn` holds q, k, v one after the other: q and v are
                [slice(0, H), slice(2 * H, 3 * H)]. The chosen columns share one A, as they do in
                PEFT, which adapts the fused matrix whole.
            use_dora: learn the rows' magnitudes too

        Raises:
            ValueError: unequal numbers of ranks, scalings and generators, a rank or scaling that
                cannot be, a base that is not supported, columns outside the layer, or DoRA of
                chosen columns or a base in four bit
        """
        super().__init__()
        reason = unsupported(base)
        if reason:
            raise ValueError(reason)
        if not len(ranks) == len(scalings) == len(generators) or not ranks:
            raise ValueError(
                f"one rank, scaling and generator for each run: got {len(ranks)} ranks, "
                f"{len(scalings)} scalings, {len(generators)} generators"
            )
        self.in_features, self.out_features = features(base)
        limit = min(self.in_features, self.out_features)
        for rank in ranks:
            if not 1 <= rank <= limit:
                raise ValueError(
                    f"rank {rank}: a layer of {self.in_features} inputs and "
                    f"{self.out_features} outputs allows 1 to {limit}"
                )
        if not all(math.isfinite(scaling) for scaling in scalings):
            raise ValueError(f"scalings {list(scalings)}: not finite")
        if use_dora and (columns is not None or in_four_bit(base)):
            raise ValueError(
                "DoRA needs the norms of all of the base's rows: columns must be None and the base "
                "not in four bit"
            )
        self.base = base
        self.ranks = tuple(ranks)
        self._scalings = tuple(float(scaling) for scaling in scalings)
        self.dropout = nn.Dropout(dropout)
        self.merged_run: int | None = None
        self.active_run: int | None = None
        self.enabled = True
        self.original_weight: Tensor | None = None
        self.principal: Principal | None = None

        device = base.weight.device
        rows, width = self.out_features, max(ranks)
        indices = None
        if columns is not None:
            indices = _column_indices(columns, self.out_features).to(device)
            rows = len(indices)
        self.register_buffer("columns", indices, persistent=False)
        self.register_buffer(
            "scaling",
            torch.tensor(self._scalings, dtype=torch.float32, device=device),
            persistent=False,
        )
        self.lora_A = nn.Parameter(
            torch.zeros(len(ranks), width, self.in_features, dtype=torch.float32, device=device)
        )
        self.lora_B = nn.Parameter(
            torch.zeros(len(ranks), rows, width, dtype=torch.float32, device=device)
        )
        magnitude = torch.empty(len(ranks), rows, dtype=torch.float32, device=device)
        self.lora_magnitude_vector = nn.Parameter(magnitude) if use_dora else None
        self.reset_parameters(generators)
        self.register_state_dict_pre_hook(_refuse_while_merged)

    @property
    def weight(self) -> Tensor:
        """The base's weight: some models read its dtype. Its product lacks the adapter."""
        weight: Tensor = self.base.weight
        return weight

    @property
    def runs(self) -> int:
        """How many independent adapters share the base."""
        return len(self.ranks)

    @property
    def scalings(self) -> tuple[float, ...]:
        """s of each run, as Python floats."""
        return self._scalings

    @torch.no_grad()
    def reset_parameters(self, generators: Sequence[torch.Generator]) -> None:
        """Draw A anew, one generator for each run, set B to zero and magnitudes to W0's."""
        for run, (rank, generator) in enumerate(zip(self.ranks, generators, strict=True)):
            # (rank, in): only the run's own rank is drawn, whatever it is padded to.
            drawn = torch.empty(rank, self.in_features, dtype=torch.float32)
            nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
            self.lora_A[run].zero_()
            self.lora_A[run, :rank].copy_(drawn)
        self.lora_B.zero_()
        self.reset_magnitude()

    @torch.no_grad()
    def reset_magnitude(self) -> None:
        """Let DoRA's magnitudes be those that W0 + s B A has now; without DoRA do nothing."""
        if self.lora_magnitude_vector is not None:
            norms = self._norms(self.lora_A, self.lora_B, self._scalings)
            self.lora_magnitude_vector.copy_(norms)

    def _norms(self, A: Tensor, B: Tensor, scalings: tuple[float, ...]) -> Tensor:
        return dora.row_norms(rows_of(self.base, self.base.weight), A, B, scalings)

    def pretrained_weight(self) -> Tensor:
        """W0 as it was before the adapter came, in the base's shape and dtype."""
        if self.principal is not None:
            return self.principal.original.to(self.base.weight.device)
        return self.base.weight if self.original_weight is None else self.original_weight

    def full_B(self) -> Tensor:
        """B with a row for every output feature, (runs, out, rank): 0 outside the columns."""
        B = self.lora_B
        if self.columns is None:
            return B
        full = B.new_zeros(B.shape[0], self.out_features, B.shape[2])
        return full.index_copy(1, self.columns, B)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output (..., out) for x (..., in), in the base's dtype.

        The factors are read through the attributes on each call, so that a trainer may put
        other tensors of the same shapes in their place (`torch.func.functional_call`).
        """
        if isinstance(self.base, Conv1D):
            x = x.contiguous()  # Conv1D views its input
        y: Tensor = self.base(x)
        if self.merged_run is not None or not self.enabled:
            return y
        h = self.dropout(x)
        A, B = self.lora_A.to(h.dtype), self.full_B().to(h.dtype)
        magnitude: Tensor | None = self.lora_magnitude_vector
        scalings = self._scalings
        if self.active_run is not None:
            own = slice(self.active_run, self.active_run + 1)
            A, B, scalings = A[own], B[own], scalings[own]
            magnitude = None if magnitude is None else magnitude[own]
        updated = self._add_update(y, h, A, B, scalings)
        if magnitude is None:
            return updated
        drops = self.dropout.training and self.dropout.p > 0
        product = updated - y + self.base(h) if drops else updated
        if self.base.bias is not None:
            product = product - self.base.bias
        factors = dora.row_factors(magnitude, self._norms(A, B, scalings))
        return dora.rescale(updated, product, factors)

    def _add_update(
        self, y: Tensor, h: Tensor, A: Tensor, B: Tensor, scalings: tuple[float, ...]
    ) -> Tensor:
        """y + s (h A^T) B^T, each run's rows with its own factors."""
        runs, s = len(scalings), scalings[0]
        if runs == 1:
            # (N, in) @ (in, r) -> (N, r); (N, out) + s (N, r) @ (r, out) -> (N, out)
            low = h.reshape(-1, self.in_features) @ A[0].T
            flat = torch.addmm(y.reshape(-1, self.out_features), low, B[0].T, alpha=s)
            return flat.view(y.shape)
        # (R, M, in) @ (R, in, r) -> (R, M, r); (R, M, out) + s (R, M, r) @ (R, r, out)
        low = torch.bmm(h.reshape(runs, -1, self.in_features), A.mT)
        if any(scaling != s for scaling in scalings):
            # One alpha does not serve them all: scale the narrow tensor.
            low, s = low * self.scaling.to(low.dtype)[:, None, None], 1.0
        flat = torch.baddbmm(y.reshape(runs, -1, self.out_features), low, B.mT, alpha=s)
        return flat.view(y.shape)

    def extra_repr(self) -> str:
        """Ranks, scalings and state, for `print(model)`."""
        merged = "" if self.merged_run is None else f", merged_run={self.merged_run}"
        return f"ranks={self.ranks}, scalings={self._scalings}{merged}"


def features(base: BaseLayer) -> tuple[int, int]:
    """(in, out) of a linear layer; Conv1D stores its weight as (in, out)."""
    if isinstance(base, Conv1D):
        rows, columns = base.weight.shape
        return int(rows), int(columns)
    return base.in_features, base.out_features


def rows_of(base: BaseLayer, weight: Tensor) -> Tensor:
    """A weight in the base's orientation as (out, in), or the other way round: a view."""
    return weight.T if isinstance(base, Conv1D) else weight


def in_four_bit(module: nn.Module) -> bool:
    """Whether `module` is bitsandbytes' Linear4bit, which QLoRA puts adapters on: never merged."""
    kind = type(module)  # by name: bitsandbytes is an optional extra
    return kind.__module__.startswith("bitsandbytes.") and kind.__name__ == "Linear4bit"


def unsupported(module: nn.Module) -> str | None:
    """Why LoRA cannot wrap `module`, or None when it can.

    Subclasses of `nn.Linear` that compute something else (quantised, parametrised) or are read by
    their parent without being called (`nn.MultiheadAttention`) are refused; those that compute the
    same (`lora.subclasses`) and `in_four_bit` are not.
    """
    kind = type(module)
    if isinstance(module, LoRALinear):
        return "the layer is adapted already: eject the adapter first"
    if in_four_bit(module):
        return None
    dtype = getattr(getattr(module, "weight", None), "dtype", None)
    quantised = isinstance(dtype, torch.dtype) and dtype not in FLOATING
    if kind in (nn.Linear, Conv1D) and not quantised:
        return None
    if quantised or any(hasattr(module, name) for name in ("quant_state", "qweight", "scales")):
        return (
            f"{kind.__module__}.{kind.__name__} holds a quantised weight ({dtype}): load the model "
            "dequantised, in float32, bfloat16 or float16"
        )
    if isinstance(module, nn.Linear) and is_plain(module):
        return None
    name, neither = f"{kind.__module__}.{kind.__name__}", "neither torch.nn.Linear nor"
    other = ", and computes something else" if isinstance(module, nn.Linear) else ""
    return f"{name} is {neither} transformers' Conv1D{other}"


def _column_indices(columns: Sequence[slice] | slice, width: int) -> Tensor:
    """The output features that the slices name, (rows,), in the order given."""
    chosen: list[int] = []
    for part in (columns,) if isinstance(columns, slice) else columns:
        start, stop = part.start or 0, width if part.stop is None else part.stop
        if not 0 <= start < stop <= width or part.step not in (None, 1):
            raise ValueError(
                f"columns {part}: a layer of {width} outputs allows slices of step 1 within "
                f"0 to {width}"
            )
        chosen.extend(range(start, stop))
    if not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(f"columns {columns}: at least one slice is needed, and none may overlap")
    return torch.tensor(chosen)


def _refuse_while_merged(module: nn.Module, *_: Any) -> None:
    """A state that holds W + delta beside A and B would add the delta twice when loaded."""
    if isinstance(module, LoRALinear) and module.merged_run is not None:
        raise RuntimeError("the adapter is merged into the base: unmerge it before saving")
