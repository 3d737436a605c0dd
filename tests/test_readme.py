"""The Python that a page tells its readers to run does what it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from lora import peft_format
from lora.adapter import extract
from lora.inject import inject
from study.arms.lora import config_of
from study.settings import whole as settings
from study.sources.resolve import resolve_model
from tests.lora.models import generator, logits, randomise

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reading-the-results.md"
IDS = torch.tensor([[101, 2023, 3185, 2003, 2307, 102]])

# Goes behind the reader's lines: what the model that they loaded says of one sentence.
AFTERWARDS = f"""
import torch
from safetensors.torch import save_file
with torch.no_grad():
    save_file({{"logits": model.eval()(input_ids=torch.tensor({IDS.tolist()})).logits}}, "said")
"""


def python_block(holding: str) -> str:
    """Return the one Python block of the page that holds a word."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if holding in block]
    return str(found)


def test_a_trained_adapter_loads_with_peft(tmp_path: Path, warm_commands: Path) -> None:
    code = python_block("PeftModel")
    named = re.search(r'"data/adapters/r(\d+)/s(\d+)"', code)
    assert named is not None
    rank, seed = map(int, named.groups())
    chosen = settings.load(ROOT / "params.yaml")
    assert rank in chosen.lora.ranks
    assert seed in chosen.seeds

    with torch.random.fork_rng():
        torch.manual_seed(0)  # the head is drawn anew, and a small one hides what an adapter does
        model = AutoModelForSequenceClassification.from_pretrained(resolve_model(chosen.model.name))
    untrained = logits(model, IDS)
    inject(model, config_of(chosen.lora, rank, chosen.model.name), generator(seed))
    randomise(model)
    peft_format.save(extract(model), tmp_path / named.group(0).strip('"'))

    script = tmp_path / "reader.py"
    script.write_text(code + AFTERWARDS)
    command = [warm_commands / "python", "-m", script.stem]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = load_file(tmp_path / "said")["logits"]
    torch.testing.assert_close(said, logits(model, IDS), rtol=0, atol=1e-5)
    assert (said - untrained).abs().max() > 0.01
