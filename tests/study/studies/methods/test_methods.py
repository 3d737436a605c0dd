"""What every method is held to: it starts where it says, trains what it says, and comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from study.batches import streams
from study.batches.packing import pack
from study.entry.errors import StudyError
from study.models.packed import PackedClassifier, parameter_count
from study.studies.methods.training.arm import size, train_method
from study.studies.methods.training.bitfit import BitFit
from study.studies.methods.training.bottleneck import Bottleneck, BottleneckAdapters
from study.studies.methods.training.ia3 import IA3
from study.studies.methods.training.method import Method, NotApplicable
from study.studies.methods.training.prefix import PrefixTuning
from study.studies.methods.training.trained import read_state, save_state, with_state
from study.training.loop import Run, RunResult
from study.training.progress import Progress
from tests.lora.models import FAMILIES
from tests.study import toys

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
METHODS: dict[str, Callable[[], Method]] = {
    "adapter": lambda: BottleneckAdapters(4),
    "bitfit": BitFit,
    "ia3": IA3,
    "prefix": lambda: PrefixTuning(3),
}
NOWHERE = {("bitfit", "llama"), ("prefix", "distilbert")}
CASES = [(m, f) for m in METHODS for f in FAMILIES if (m, f) not in NOWHERE]
each_case = pytest.mark.parametrize(("name", "family"), CASES)


def prepared(name: str, family: str) -> tuple[Method, Any]:
    method, model = METHODS[name](), toys.load(toys.saved(family))
    method.prepare(model, toys.LONGEST)
    return method, model


def logits(classifier: PackedClassifier) -> Tensor:
    data = toys.split(9, seed=5)
    classifier.eval()
    with torch.no_grad():
        found: Tensor = classifier(pack(data, [torch.arange(9)], 0, blocks=2))
    return found


def base_logits(family: str) -> Tensor:
    return logits(PackedClassifier(toys.load(toys.saved(family)), [3]))


def trained(name: str, family: str, seed: int = 0) -> RunResult:
    return train(*prepared(name, family), family, seed)


def train(method: Method, model: Any, family: str, seed: int = 0) -> RunResult:
    run = Run("method", None, 0.02, seed)
    data = toys.prepared(pad=FAMILIES[family].config.pad_token_id or 0)
    settings, progress = toys.train_settings(), Progress("toy", 1)
    (result,) = train_method(model, method, [run], data, settings, toys.CPU, progress)
    return result


@pytest.mark.parametrize(("name", "family"), [case for case in CASES if case[0] != "prefix"])
def test_it_starts_as_the_base_does(name: str, family: str) -> None:
    method, model = prepared(name, family)
    classifier, _ = method.classifier(model, 3, torch.Generator())
    assert torch.allclose(logits(classifier), base_logits(family), atol=2e-5)


@each_case
def test_what_is_put_in_comes_out(name: str, family: str) -> None:
    method, model = prepared(name, family)
    PackedClassifier(model, [0])  # whose heads stay
    modules = {n: type(m) for n, m in model.named_modules()}
    weights = {n: p.clone() for n, p in model.named_parameters() if "classifier" not in n}
    for _ in range(2):  # nothing is left that a second time would stumble over
        method.classifier(model, 0, torch.Generator())
        method.eject(model)
    assert modules == {n: type(m) for n, m in model.named_modules()}
    assert all(torch.equal(p, weights[n]) for n, p in model.named_parameters() if n in weights)


@each_case
def test_it_trains_all_that_it_names_and_the_model_stays_as_it_was(name: str, family: str) -> None:
    method, model = prepared(name, family)
    total = parameter_count(model)
    counted = size(model, method)
    before = {n: p.clone() for n, p in model.named_parameters()}
    result = train(method, model, family)
    assert counted.total == total
    assert sum(tensor.numel() for tensor in result.state.values()) == counted.trainable
    base = [n for n, _ in model.named_parameters() if n.startswith(f"{model.base_model_prefix}.")]
    assert all(torch.equal(model.get_parameter(n), before[n]) for n in base)
    classifier, names = method.classifier(model, 0, streams.generator(0, "method"))
    starts = dict(classifier.named_parameters())
    still = [n for n in names if torch.equal(starts[n].flatten(), result.state[n].flatten())]
    # A key's bias adds the same to all scores of a query: softmax does not see it.
    assert not [n for n in still if not n.endswith((".key.bias", ".k_lin.bias"))]


@each_case
def test_what_was_saved_gives_the_same_predictions(name: str, family: str, tmp_path: Any) -> None:
    result = trained(name, family)
    save_state(result.state, tmp_path)
    method, model = prepared(name, family)
    classifier = with_state(model, method, read_state(tmp_path)).eval()
    data = toys.prepared(pad=FAMILIES[family].config.pad_token_id or 0).test
    batch = pack(data, [torch.arange(len(data))], FAMILIES[family].config.pad_token_id or 0, 2)
    with torch.no_grad():
        assert torch.allclose(classifier(batch)[0], result.test_logits, atol=1e-5)


@each_case
def test_a_seed_decides_the_run_whatever_the_global_generator(name: str, family: str) -> None:
    torch.manual_seed(1)
    one = trained(name, family, seed=4)
    torch.manual_seed(2)
    other = trained(name, family, seed=4)
    assert all(torch.equal(one.state[n], other.state[n]) for n in one.state)
    assert one.loss_values == other.loss_values


@pytest.mark.parametrize(("name", "family"), sorted(NOWHERE))
def test_where_it_has_no_place_it_says_so(name: str, family: str) -> None:
    with pytest.raises(NotApplicable, match=r"no biases|takes no keys and values"):
        prepared(name, family)


def test_a_prefix_needs_positions() -> None:
    too_many = r"virtual_tokens: 30; allowed: at most 28, since the model has 40 positions"
    with pytest.raises(StudyError, match=too_many):
        PrefixTuning(30).prepare(toys.load(toys.saved("gpt2")), toys.LONGEST)


def test_a_prefix_hides_no_padding_and_reads_none() -> None:
    """A sentence's logits are the same alone and beside longer ones."""
    method, model = prepared("prefix", "bert")
    classifier, _ = method.classifier(model, 0, streams.generator(0, "method"))
    data, classifier = toys.split(6, seed=8), classifier.eval()
    with torch.no_grad():
        together = classifier(pack(data, [torch.arange(6)], 0, blocks=1))[0]
        for i in range(6):
            alone = classifier(pack(data, [torch.tensor([i])], 0, blocks=1))[0, 0]
            assert torch.allclose(together[i], alone, atol=1e-5)


def test_an_adapter_is_its_formula() -> None:
    base = torch.nn.Linear(5, 6)
    layer = Bottleneck(base, 6, 3, torch.Generator().manual_seed(0))
    torch.nn.init.normal_(layer.up)
    torch.nn.init.normal_(layer.up_bias)
    torch.nn.init.normal_(layer.down_bias)
    x = torch.randn(4, 5)
    h = base(x)
    narrow = torch.nn.functional.gelu(h @ layer.down.T + layer.down_bias)
    assert torch.allclose(layer(x), h + narrow @ layer.up.T + layer.up_bias, atol=1e-6)


def test_counts_of_each_method_in_bert() -> None:
    """Two layers of width 16 with 24 inner features; a pooler; a head of 2 * 16 + 2."""
    expected = {
        # 4 adapters of 4 * 16 + 4 + 16 * 4 + 16 = 148, and 4 norms of 32.
        "adapter": (4 * 148, 4 * 148 + 4 * 32 + 34),
        # A layer: 4 * 16 + 24 + 16 of matrices, 2 * 16 of norms; the embeddings' norm; the pooler.
        "bitfit": (0, 2 * (4 * 16 + 24 + 16 + 32) + 16 + 16 + 34),
        "ia3": (2 * (16 + 16 + 24), 2 * (16 + 16 + 24) + 34),
        "prefix": (3 * 2 * 2 * 16, 3 * 2 * 2 * 16 + 34),
    }
    for name, (added, every) in expected.items():
        method, model = prepared(name, "bert")
        counted = size(model, method)
        assert (counted.adapter, counted.trainable, counted.head) == (added, every, 34), name


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "changes", [{"gradient_accumulation_steps": 2}, {"activation_checkpointing": True}]
)
def test_what_saves_memory_changes_nothing(name: str, changes: dict[str, Any]) -> None:
    data = toys.prepared()
    found = []
    for settings in (toys.train_settings(), toys.train_settings(**changes)):
        method, model = prepared(name, "bert")
        run, progress = Run("method", None, 0.02, 0), Progress("toy", 1)
        found += train_method(model, method, [run], data, settings, toys.CPU, progress)
    assert found[0].loss_values == pytest.approx(found[1].loss_values, abs=1e-5)
    # A key's bias has no slope but rounding, of which Adam makes full steps.
    names = [n for n in found[0].state if not n.endswith(".key.bias")]
    for n in names:
        assert torch.allclose(found[0].state[n], found[1].state[n], atol=1e-4), n
