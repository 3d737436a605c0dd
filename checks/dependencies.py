"""The rooms that each stage of a dvc.yaml names, against what its module really imports.

    python -m checks.dependencies      says what differs

A room that is missing there gives stale results; one that is there for nothing gives needless
reruns. A room is a folder under study/, or lora/; a stage's own module and sections of settings are
named by file, so that a new setting reruns what reads it. Imports are read from the source, not
executed: also those inside functions, but not those under `if TYPE_CHECKING`, which never run.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

from checks.repository import from_root, pipeline_files

PACKAGES = ("audit", "stages", "forecast", "study", "lora")


def closure(module: str, root: Path) -> set[str]:
    """Return every project file that `module` imports, directly or not, itself included.

    Args:
        module: dotted name, such as `stages.prepare`.
        root: the repository.

    Returns:
        Paths relative to `root`, with slashes. A package's `__init__.py` counts: importing any of
        its modules runs it.
    """
    found: dict[str, Path] = {}
    waiting = list(_with_parents(module))
    while waiting:
        name = waiting.pop()
        path = _file(name, root)
        if name in found or path is None:
            continue
        found[name] = path
        for imported in imports(path, name):
            waiting += [parent for parent in _with_parents(imported) if parent not in found]
    return {path.relative_to(root).as_posix() for path in found.values()}


def imports(path: Path, module: str) -> Iterator[str]:
    """Yield the dotted names that a source file imports when it runs.

    `from a import b` yields `a` and `a.b`: whether `b` is a module shows only on disk.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    yield from _imports(path.read_text(encoding="utf-8"), package)


@functools.cache  # nearly every stage imports what the others do
def _imports(source: str, package: str) -> tuple[str, ...]:
    return tuple(_names(ast.parse(source), package))


def _names(tree: ast.AST, package: str) -> Iterator[str]:
    for node in _run_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def stage_module(command: str) -> str | None:
    """Return the module that a stage's command starts: `stages.lora` of `python -m stages.lora`."""
    match = re.search(r"python -m ([\w.]+)", command)
    return match.group(1) if match else None


def differences(root: Path) -> list[str]:
    """Compare every pipeline of the repository.

    Returns:
        A line for each file that a stage imports from no room that it names, and for each room
        that it names and imports nothing from.
    """
    return [line for file in pipeline_files(root) for line in _of_pipeline(root, file)]


def _of_pipeline(root: Path, file: str) -> Iterator[str]:
    pipeline = YAML(typ="safe").load((root / file).read_text(encoding="utf-8"))
    for name, stage in pipeline["stages"].items():
        module = stage_module(stage["cmd"])
        if module is None or module.split(".")[0] not in PACKAGES:
            continue
        folder = from_root(str(Path(file).parent), stage.get("wdir", "."))
        named = [from_root(folder, dep) for dep in stage["deps"]]
        rooms = [path for path in named if path.split("/")[0] in PACKAGES]
        used = {path for path in closure(module, root) if not path.endswith("/__init__.py")}
        for path in sorted(used):
            if not any(_holds(room, path) for room in rooms):
                yield f"{file}: {name}: imports {path}, of no room among its deps"
        for room in rooms:
            if not any(_holds(room, path) for path in used):
                yield f"{file}: {name}: {room} is among its deps, but nothing is imported from it"


def _holds(room: str, path: str) -> bool:
    return path == room or path.startswith(room + "/")


def _run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of `tree` that are not under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield other
                yield from _run_nodes(other)
            continue
        yield node
        yield from _run_nodes(node)


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _file(module: str, root: Path) -> Path | None:
    if module.split(".")[0] not in PACKAGES:
        return None
    base = root.joinpath(*module.split("."))
    candidates = (base / "__init__.py", base.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


def main() -> None:
    """Print the differences; exit with 1 if there are any."""
    lines = differences(Path.cwd())
    for line in lines:
        print(f"{line}; mend its deps")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
