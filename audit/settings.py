"""What adapter_config.json may say: everything that leaves an update s B A to be read off."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lora.config import LoRAConfig
from study.entry.errors import StudyError

# Initial values that leave the base's weights alone, so that nothing of them is left once trained.
PLAIN = (True, False, None, "gaussian", "orthogonal", "eva", "orthogonal_eva")
PISSA = "pissa"  # changes them by what they tell exactly: `audit.pissa`
# Settings of PEFT 0.21 by which a module computes something else than W0 x + s B A x.
_OTHER_FORMS = (
    *("target_parameters", "use_qalora", "alora_invocation_tokens", "layer_replication"),
    *("use_bdlora", "arrow_config", "velora_config", "monteclora_config", "kasa_config"),
)


def check_settings(config: Mapping[str, Any], file: Path) -> None:
    """Refuse what is no LoRA, or one whose update is no s B A.

    Raises:
        StudyError: naming the key and its value.
    """
    kind = config.get("peft_type")
    if kind != "LORA":
        raise StudyError(f"{file}: peft_type {kind!r}; allowed: 'LORA', DoRA and rsLoRA included")
    for key in _OTHER_FORMS:
        if config.get(key) not in (None, False, {}, []):
            raise StudyError(f"{file}: {key} {config[key]!r}; allowed: none, plain LoRA")
    init = config.get("init_lora_weights", True)
    if init != PISSA and init not in PLAIN:
        raise StudyError(
            f"{file}: init_lora_weights {init!r} changed the base's weights, by what cannot be "
            "told from the files; allowed: true, false, gaussian, orthogonal, eva, pissa, or an "
            "adapter that PEFT saved with path_initial_model_for_weight_conversion"
        )


def lora_config(config: Mapping[str, Any], file: Path) -> LoRAConfig:
    """Return what the settings say of ranks and scalings, by PEFT's rule for patterns.

    Raises:
        StudyError: a rank or alpha is missing or can be none.
    """
    for key in ("r", "lora_alpha"):
        if key not in config:
            raise StudyError(f"{file}: {key} is missing")
    for key in ("rank_pattern", "alpha_pattern"):
        if not isinstance(config.get(key) or {}, dict):
            raise StudyError(f"{file}: {key} {config[key]!r}; allowed: an object, module to number")
    try:
        return LoRAConfig(
            rank=config["r"],
            alpha=config["lora_alpha"],
            target_modules=("any",),  # which modules: the tensors' names tell it
            use_rslora=bool(config.get("use_rslora", False)),
            use_dora=bool(config.get("use_dora", False)),
            rank_pattern=config.get("rank_pattern") or {},
            alpha_pattern=config.get("alpha_pattern") or {},
        )
    except ValueError as error:
        raise StudyError(f"{file}: {error}") from None
