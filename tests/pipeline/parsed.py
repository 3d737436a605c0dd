"""DVC without parsing the same YAML again and again.

Two thirds of what a command of DVC computes is the parsing of YAML, in plain Python: dvc.yaml and
dvc.lock twice, params.yaml once for each stage, and for each stage that ran dvc.lock again, with
its comments, to be written anew. Each time it also holds what it read against a schema. What a text
parsed to is kept here by that text, and which texts were valid; what DVC reads and writes is the
same to the byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from dvc import dvcfile
from dvc.utils import serialize, strictyaml
from dvc.utils.serialize import _common, _yaml
from ruamel.yaml.comments import CommentedMap


def keep(folder: Path) -> None:
    """Let DVC, in this process and its forks, keep in `folder` what texts parse to."""
    _keep_read(folder)
    _keep_valid(folder)
    _keep_written()


def _keep_read(folder: Path) -> None:
    parse = _yaml.parse_yaml

    def kept(text: str, path: Any, typ: str = "safe") -> Any:
        if typ != "safe":  # with its comments, to be written again
            return parse(text, path, typ)
        place = folder / hashlib.sha256(text.encode()).hexdigest()
        if place.exists():
            return pickle.loads(place.read_bytes())
        found = parse(text, path)
        partial = place.with_suffix(f".{os.getpid()}")
        partial.write_bytes(pickle.dumps(found))
        partial.replace(place)
        return found

    _yaml.parse_yaml = serialize.parse_yaml = strictyaml.parse_yaml = kept


def _keep_valid(folder: Path) -> None:
    """DVC has its schemas before the first fork, so that each is the same object in all of them."""
    validate = strictyaml.validate

    def kept(data: Any, schema: Any, text: str | None = None, *rest: Any, **words: Any) -> Any:
        if text is None:  # what the schema made of it may be wanted; of a text it is thrown away
            return validate(data, schema, text, *rest, **words)
        place = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.valid-{id(schema)}"
        if not place.exists():
            validate(data, schema, text, *rest, **words)
            place.touch()
        return data

    strictyaml.validate = kept


def _keep_written() -> None:
    """What a dvc.lock was written from is changed for the next stage, if the text is still that."""
    last: dict[str, Any] = {}

    def parse(text: str, path: Any) -> Any:
        return last.pop(text) if text in last else _yaml.parse_yaml(text, path, typ="rt")

    def dump(data: Any, stream: TextIO) -> None:
        written = io.StringIO()
        _yaml._dump(data, written)
        stream.write(written.getvalue())
        stages = data.get("stages", {})
        for name, stage in stages.items():
            if not isinstance(stage, CommentedMap):  # that shares nothing with another, as if read
                stages[name] = pickle.loads(pickle.dumps(stage))
        last.clear()
        last[written.getvalue()] = data

    @contextlib.contextmanager
    def modify(path: Any, fs: Any = None) -> Iterator[Any]:
        with _common._modify_data(path, parse, dump, fs=fs) as data:
            yield data

    dvcfile.modify_yaml = modify
