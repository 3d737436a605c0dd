"""What surrounds a fused layer's pass: adapters merged or off, lost runs, copies, memory."""

from __future__ import annotations

import copy
import gc

import pytest
import torch
from torch import Tensor, nn

from lora.inject import disabled
from lora.merge import merge, merged, unmerge
from study.entry.errors import StudyError
from study.models.dropout import replace_dropout
from tests.lora.models import HIDDEN
from tests.study.fused_case import ALL_SIX, Case, distance, each_shape, factors_alone


@pytest.mark.usefixtures("each_product")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@each_shape
def test_a_merged_or_disabled_adapter_is_the_base_with_or_without_the_update(
    last: bool, dtype: torch.dtype
) -> None:
    case = Case(dtype, 1, last=last)
    bare = Case(dtype, 1, (), last=last)
    adapted = case.fused().detach()
    with disabled(case.model):
        assert torch.equal(case.fused(), bare.fused())
    case.model.requires_grad_(False)
    bare.model.requires_grad_(False)
    with disabled(case.model):
        assert torch.equal(case.fused(), bare.fused())
    tolerance = 5e-6 if dtype == torch.float32 else 0.03  # measured: 1.2e-7 and 0.009
    before = case.fused()
    with merged(case.model):
        assert distance(case.fused(), case.modules()) < tolerance
        assert distance(case.fused(), adapted) < tolerance
        assert distance(case.fused(), bare.fused()) > 0.1
    assert torch.equal(case.fused(), before)


@pytest.mark.usefixtures("each_product")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("lost", ["x", "lora_B"])
@each_shape
def test_a_runs_nan_stays_in_its_row(last: bool, lost: str, dtype: torch.dtype) -> None:
    case = factors_alone(Case(dtype, last=last))
    sound = [case.fused().detach(), *case.gradients(case.fused).values()]
    name = next(name for name in case.leaves if name.endswith(lost))
    with torch.no_grad():
        case.leaves[name][1] = torch.nan
    sick = [case.fused().detach(), *case.gradients(case.fused).values()]
    assert bool(sick[0].view(3, -1, HIDDEN)[1].isnan().any())
    for before, after in zip(sound, sick, strict=True):
        own, now = before.view(3, -1), after.view(3, -1)
        assert torch.equal(own[[0, 2]], now[[0, 2]])
        assert bool(now[1].isnan().any())


@pytest.mark.usefixtures("each_product")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_copy_of_the_model_does_not_disturb_the_first_ones_backward(dtype: torch.dtype) -> None:
    case = factors_alone(Case(dtype))
    expected = case.gradients(case.fused)["x"]
    other = copy.deepcopy(case.layer)
    with torch.no_grad():
        other.output.dense.weight.neg_()

    def beside() -> Tensor:
        out = case.fused()
        with torch.no_grad():
            other(case.x, packing=case.packing())
        return out

    assert torch.equal(case.gradients(beside)["x"], expected)


@pytest.mark.usefixtures("each_product")
def test_a_merge_meanwhile_does_not_disturb_the_backward() -> None:
    case = factors_alone(Case(torch.bfloat16, 1))
    expected = case.gradients(case.fused)["x"]

    def merged_meanwhile() -> Tensor:
        out = case.fused()
        merge(case.model)
        case.fused()
        unmerge(case.model)
        return out

    assert torch.equal(case.gradients(merged_meanwhile)["x"], expected)


class TestMemory:
    """What a forward pass keeps for the backward pass is let go of there."""

    @staticmethod
    def held() -> int:
        """Count the bytes of all tensors that Python knows."""
        gc.collect()
        found = {
            x.untyped_storage().data_ptr(): x.untyped_storage().nbytes()
            for x in gc.get_objects()
            if type(x) in (Tensor, nn.Parameter)
        }
        return sum(found.values())

    @each_shape
    def test_the_tape_dies_in_the_backward_pass(self, last: bool) -> None:
        case = Case(last=last, targets=ALL_SIX, dropout=0.1)
        case.model.train()
        case.gradients(case.fused)  # builds what is kept from batch to batch
        before = self.held()
        out = case.fused()
        own = out.untyped_storage().nbytes()
        during = self.held()
        gradients = torch.autograd.grad(out, case.x, case.weights)
        after = self.held()
        assert during - before > 4 * case.x.nbytes
        assert after - before == own + gradients[0].untyped_storage().nbytes()

    def test_nothing_is_kept_where_no_gradient_is_wanted(self) -> None:
        case = Case()
        with torch.no_grad():
            case.fused()
            before = self.held()
            out = case.fused()
        assert self.held() - before == out.untyped_storage().nbytes()


@pytest.mark.parametrize("place", ["attention.self.query.dropout", "output.dropout"])
def test_a_dropout_that_would_not_draw_each_runs_masks_is_refused(place: str) -> None:
    case = Case(dropout=0.3)
    still = case.fused()
    case.layer.set_submodule(place, nn.Dropout(0.3))
    case.model.train()
    with pytest.raises(StudyError, match=r"Dropout\(p=0.3.*replace_dropout\("):
        case.fused()
    case.model.eval()
    assert torch.equal(case.fused(), still)
    case.model.train()
    replace_dropout(case.model)
    assert distance(case.fused(), still) > 0.1
