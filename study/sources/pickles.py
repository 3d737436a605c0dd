"""Refuses models whose weights are pickled: loading them can run code that came with them."""

from __future__ import annotations

import shlex
from pathlib import Path

from study.entry.errors import StudyError

_PICKLED = "pytorch_model*.bin"
_CONVERT = (
    "import glob, sys, torch; from safetensors.torch import save_file; "
    f"files = glob.glob(sys.argv[1] + '/{_PICKLED}'); "
    "weights = {k: v.clone() for f in files for k, v in torch.load(f, weights_only=True).items()}; "
    "save_file(weights, sys.argv[1] + '/model.safetensors', {'format': 'pt'})"
)

ON_HUB = (
    "it has no *.safetensors, and pickled weights, which can run code, are never loaded; "
    "`hf download {0} --local-dir FOLDER`, then give that folder, to be told how to convert them"
)


def refuse(name: str, path: Path, key: str) -> None:
    """Refuse a model's folder that has pickled weights and none as safetensors.

    Args:
        name: of the model, as in the settings; key: of that setting.

    Raises:
        StudyError: it has; the message ends with the command that converts them.
    """
    pickled = sorted(path.glob(_PICKLED))
    if not pickled or any(path.glob("*.safetensors")):
        return
    raise StudyError(
        f"{key}: {name!r} has pickled weights alone ({pickled[0].name}), which can run code when "
        f"they are loaded; allowed: *.safetensors. To convert them:\n"
        f'  python -c "{_CONVERT}" {shlex.quote(str(path))}'
    )
