"""Where an adapter and its base lie: on this disk, in a package, or in Hugging Face's cache."""

from __future__ import annotations

from pathlib import Path

from audit.saved import CONFIG, WEIGHTS
from study.entry.errors import StudyError
from study.sources.resolve import resolve


def adapter_folder(name: str) -> Path:
    """Return an adapter's folder; one that is named by a hub's id is fetched as PEFT does it.

    Raises:
        StudyError: there is no such folder or id.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise StudyError(f"{name} is a file; allowed: an adapter's folder, or a hub's id")
    if name.count("/") != 1 or name.startswith(("/", ".", "~")):
        raise StudyError(f"{name}: no such folder; allowed: an adapter's folder, or a hub's id")
    return _from_hub(name, [CONFIG, WEIGHTS], None, offline=False)


def base_folder(name: str, revision: str | None = None) -> Path:
    """Return the folder of a base's weights; one of a hub's id is read from the cache, not fetched.

    Args:
        name: a folder, package:PACKAGE/path/inside, or a hub's id.

    Raises:
        StudyError: it is not there.
    """
    source = resolve(name, "model", "--base")
    if source.path is None:
        return _from_hub(name, ["*.json", "*.safetensors"], revision, offline=True)
    if source.path.is_file():
        raise StudyError(f"--base: {name} is a file; allowed: a folder with *.safetensors")
    return source.path


def _from_hub(name: str, patterns: list[str], revision: str | None, *, offline: bool) -> Path:
    from huggingface_hub import snapshot_download  # takes a second, which a folder need not wait
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(
            snapshot_download(
                name, revision=revision, allow_patterns=patterns, local_files_only=offline
            )
        )
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        where = "in Hugging Face's cache" if offline else "here and on the Hugging Face hub"
        hint = f"; `hf download {name}` fetches it" if offline else ""
        key = "--base: " if offline else ""
        reason = " ".join(str(error).split())[:200]
        raise StudyError(f"{key}looked for {name!r} {where}: {reason}{hint}") from error
