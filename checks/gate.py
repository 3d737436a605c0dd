"""The gate: fails when somebody edited code, settings or results without `dvc repro`.

It must hold in a fresh clone that has neither DVC's cache nor a remote, so «the cached data is not
here» is no finding, while `dvc repro --dry` and `dvc status -q` cannot tell the two apart. It reads
`dvc status` and, as that sees only files that are there, follows the hashes in dvc.lock from stage
to stage for those that are not. What is cheap to compute is computed again and compared.

    python -m checks.gate            says what is stale; exits with 1 if anything is
    python -m checks.gate --prune    drops entries of dvc.lock that no stage declares any more
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from ruamel.yaml import YAML

from checks.recompute import disagreements

RECOMPUTED = ("aggregate",)  # seconds of work, and everything that it reads is in git
ABSENT = ("deleted", "not in cache")  # what `dvc status` says of data that is not here
WHOLE_FILE = "*"  # stands for the settings of a stage that depends on all of params.yaml
SIZES = ("size", "nfiles")  # all that dvc.lock tells of a folder that several stages write into
RERUN = "run `dvc repro` and commit dvc.lock with the results"


def findings(root: Path) -> list[str]:
    """Return one line for each thing that is stale: which file or stage, and what to run."""
    lock = _yaml(root / "dvc.lock").get("stages", {})
    settings = _yaml(root / "params.yaml")
    with contextlib.chdir(root), Repo() as repo:  # DVC names stages relative to where it runs
        status = repo.status()
        stages = {stage.addressing: stage for stage in repo.index.stages}
        declared = {name: _declared(stage) for name, stage in stages.items()}
        commands = {name: str(stage.cmd) for name, stage in stages.items()}
    ignored = _ignored(root, lock)
    lines = [
        *_of_status({name: status[name] for name in status if name in lock}, ignored),
        *_of_entries(declared, lock),
        *_of_links(lock, ignored),
        *_of_settings(declared, lock, settings),
        *_of_orphans(root, lock, declared),
    ]
    for name in RECOMPUTED:
        if name in lock and name in declared and not lines:
            lines += [
                f"{line}; {RERUN}" for line in disagreements(root, commands[name], lock[name])
            ]
    return lines


def prune(root: Path) -> list[str]:
    """Drop the entries of dvc.lock that no stage declares, and return their names."""
    with contextlib.chdir(root), Repo() as repo:
        declared = {stage.addressing for stage in repo.index.stages}
    yaml = YAML()
    file = root / "dvc.lock"
    lock = yaml.load(file.read_text(encoding="utf-8"))
    dead = [name for name in lock["stages"] if name not in declared]
    for name in dead:
        del lock["stages"][name]
    if dead:
        with file.open("w", encoding="utf-8") as stream:
            yaml.dump(lock, stream)
    return dead


def _of_status(status: Mapping[str, Any], ignored: set[str]) -> Iterator[str]:
    """What DVC sees: one line per file, however many stages depend on it."""
    stages_of: dict[tuple[str, str], list[str]] = defaultdict(list)
    for stage, changes in status.items():
        for change in changes:
            if isinstance(change, str):  # "changed command" and the like
                yield f"{stage}: {change} since it ran; {RERUN}"
                continue
            for paths in change.values():
                for path, state in paths.items():
                    settings = isinstance(state, Mapping)  # by key; `_of_settings` tells of them
                    if not settings and not (state in ABSENT and path in ignored):
                        stages_of[path, str(state)].append(stage)
    for (path, state), stages in stages_of.items():
        yield f"{path}: {state} since {_listed(stages)} ran; {RERUN}"


def _of_entries(declared: Mapping[str, Any], lock: Mapping[str, Any]) -> Iterator[str]:
    """Every stage stands in dvc.lock with the files it declares, and nothing else does."""
    for name in lock:
        if name not in declared:
            yield (
                f"dvc.lock: {name} is declared by no stage of dvc.yaml; "
                "run `python -m checks.gate --prune` and `dvc repro`"
            )
    for name, files in declared.items():
        if name not in lock:
            yield f"{name}: has never run with these settings; {RERUN}"
            continue
        for kind in ("deps", "outs"):
            locked = {row["path"] for row in lock[name].get(kind, [])}
            for path in sorted(locked ^ files[kind]):
                where = "dvc.lock, but not dvc.yaml" if path in locked else "dvc.yaml alone"
                yield f"{name}: {path} stands among its {kind} in {where}; {RERUN}"


def _of_links(lock: Mapping[str, Any], ignored: set[str]) -> Iterator[str]:
    """A stage read what stages before it wrote, also where the data itself is not here."""
    written = {row["path"]: (name, row) for name, e in lock.items() for row in e.get("outs", [])}
    for name, entry in lock.items():
        for row in entry.get("deps", []):
            path = row["path"]
            if path in written:
                producer, output = written[path]
                if output["md5"] != row["md5"]:
                    yield f"{name}: read another {path} than {producer} wrote last; {RERUN}"
            elif path in ignored:
                inside = [row for key, (_, row) in written.items() if key.startswith(path + "/")]
                if not inside:
                    yield f"{name}: {path} is neither in git nor any stage's output"
                elif any(row[key] != sum(r.get(key, 1) for r in inside) for key in SIZES):
                    yield f"{name}: {path} held other files than stages write there; {RERUN}"


def _of_settings(
    declared: Mapping[str, Any], lock: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[str]:
    """The settings that each stage ran with are those of params.yaml."""
    stages_of: dict[str, list[str]] = defaultdict(list)
    for name in lock.keys() & declared.keys():
        ran_with = lock[name].get("params", {}).get("params.yaml", {})
        keys = declared[name]["params"]
        for key in ran_with.keys() | (settings.keys() if WHOLE_FILE in keys else keys):
            if key not in ran_with or ran_with[key] != _lookup(settings, key):
                stages_of[key].append(name)
    for key, names in sorted(stages_of.items()):
        yield f"params.yaml: {key} is not what {_listed(names)} ran with; {RERUN}"


def _of_orphans(root: Path, lock: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[str]:
    """In a folder of results that a stage reads whole, each file is some stage's output."""
    outputs = {path for files in declared.values() for path in files["outs"]}
    read = {row["path"] for entry in lock.values() for row in entry.get("deps", [])}
    for folder in sorted(read - outputs):
        if not any(path.startswith(folder + "/") for path in outputs):
            continue
        for path in _git(root, "ls-files", "--", folder):
            if path not in outputs:
                yield f"{path}: no stage of dvc.yaml writes it; remove it and run `dvc repro`"


def _declared(stage: Any) -> dict[str, set[str]]:
    """The paths and settings that a resolved stage of dvc.yaml declares."""
    settings = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
    return {
        "deps": {dep.def_path for dep in stage.deps if dep not in settings},
        "outs": {out.def_path for out in stage.outs},
        "params": {key for dep in settings for key in dep.params or [WHOLE_FILE]},
    }


def _ignored(root: Path, lock: Mapping[str, Any]) -> set[str]:
    """The paths of dvc.lock that git ignores: outputs whose data is only in DVC's cache."""
    rows = [row for e in lock.values() for row in [*e.get("deps", []), *e.get("outs", [])]]
    paths = sorted({row["path"] for row in rows})
    return set(_git(root, "check-ignore", "--stdin", stdin="\n".join(paths)))


def _git(root: Path, *arguments: str, stdin: str = "") -> list[str]:
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", *arguments],
        cwd=root,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):  # 1: check-ignore found none
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.splitlines()


def _lookup(settings: Mapping[str, Any], key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return ...  # equal to no setting
        value = value[part]
    return value


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


def _yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    return YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}


def main() -> None:
    """Print what is stale; exit with 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prune", action="store_true", help="drop dead entries of dvc.lock")
    if parser.parse_args().prune:
        for name in prune(Path.cwd()):
            print(f"dvc.lock: dropped {name}")
        return
    lines = findings(Path.cwd())
    for line in lines:
        print(f"gate: {line}")
    if lines:
        sys.exit(1)
    print("gate: code, settings and results belong together")


if __name__ == "__main__":
    main()
