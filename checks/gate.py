"""The gate: fails when somebody edited code, settings or results without `dvc repro`.

It must hold in a fresh clone that has neither DVC's cache nor a remote, so «the cached data is not
here» is no finding, while `dvc repro --dry` and `dvc status -q` cannot tell the two apart. It reads
`dvc status` and, as that sees only files that are there, follows the hashes in dvc.lock from stage
to stage for those that are not. What is cheap to compute is computed again and compared. It holds
every pipeline of the repository to this, not the one at its root alone. Two things are noted and
do not fail: results that another kind of machine made again (see `checks.elsewhere`), and stages
that write nothing but what is told of a machine, which are run on request.

    python -m checks.gate            says what is stale; exits with 1 if anything is
    python -m checks.gate --prune    drops entries of dvc.lock that no stage declares any more
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from checks import elsewhere, pipelines
from checks.findings import Finding, about, command, listed, rerun
from checks.pipelines import WHOLE_FILE, Pipelines, load_yaml
from checks.recompute import disagreements
from checks.repository import git

# Stages that compute for seconds and read and write nothing but what is in git. One that reads what
# another writes is computed from what is committed, and so is the other.
RECOMPUTED = {
    *("aggregate", "sufficient_rank", "learning_rate", "agreement", "rules_of_thumb", "claims"),
}
ABSENT = ("deleted", "not in cache")  # what `dvc status` says of data that is not here
SIZES = ("size", "nfiles")  # all that dvc.lock tells of a folder that several stages write into


def findings(root: Path) -> list[str]:
    """Return one line for each thing that is stale: which file or stage, and what to run."""
    return examine(root)[0]


def examine(root: Path) -> tuple[list[str], list[str]]:
    """Return what is stale, a line each, and what is worth a note alone."""
    known = pipelines.read(root)
    found = [
        *_of_status(known),
        *_of_entries(known),
        *_of_links(known),
        *_of_settings(root, known),
    ]
    timings = {name for name, stage in known.declared.items() if _tells_machine_alone(stage.outs)}
    results = [f.without(timings) for f in found]
    pairs = {(stage, f.path) for f in results for stage in f.stages if f.path}
    remade = elsewhere.find(root, known, pairs)
    notes = [elsewhere.note(remade)] if remade else []
    if stale := timings & {name for f in found for name in f.stages}:
        notes.append(
            f"note: {listed(stale)}: measured on request; not part of the results. Stale now: "
            f"`{command(stale)}` measures again"
        )
    explained = {(e.stage, e.path) for e in remade}
    kept = [f.without({s for s in f.stages if (s, f.path) in explained}) for f in results]
    lines = [f.line() for f in kept if f.stages]
    lines += _of_orphans(root, known)
    if not lines:  # else there is nothing yet to compute from
        for name in _recomputed(known):
            declared, locked = known.declared[name], known.locked[name]
            said = disagreements(root, declared, locked)
            lines += [f"{line}; {rerun([name])}" for line in said]
    return lines, notes


def prune(root: Path) -> list[str]:
    """Drop the entries of dvc.lock files that no stage declares, and return their stages' names."""
    known = pipelines.read(root)
    dead = [name for name in known.locked if name not in known.declared]
    for file in {known.locked[name].file for name in dead}:
        yaml = YAML()
        lock = yaml.load((root / file).read_text(encoding="utf-8"))
        for name in dead:
            if known.locked[name].file == file:
                del lock["stages"][known.locked[name].name]
        with (root / file).open("w", encoding="utf-8") as stream:
            yaml.dump(lock, stream)
    return dead


def _of_status(known: Pipelines) -> Iterator[Finding]:
    """What DVC sees: one line per file, however many stages depend on it."""
    stages_of: dict[tuple[str, str], list[str]] = defaultdict(list)
    for stage in known.status.keys() & known.locked.keys():
        for change in known.status[stage]:
            if isinstance(change, str):  # "changed command" and the like
                yield about(stage, f"{change} since it ran")
                continue
            for paths in change.values():
                for path, state in paths.items():
                    settings = isinstance(state, Mapping)  # by key; `_of_settings` tells of them
                    if not settings and not (state in ABSENT and path in known.ignored):
                        stages_of[path, str(state)].append(stage)
    for (path, state), stages in sorted(stages_of.items()):
        yield Finding(frozenset(stages), f"{path}: {state} since ", " ran", path)


def _of_entries(known: Pipelines) -> Iterator[Finding]:
    """Every stage stands in dvc.lock with the files it declares, and nothing else does."""
    for name, locked in known.locked.items():
        if name not in known.declared:
            todo = f"run `python -m checks.gate --prune` and `{command([name])}`"
            says = " is declared by no stage of dvc.yaml"
            yield Finding(frozenset([name]), f"{locked.file}: ", says, todo=todo)
    for name, declared in known.declared.items():
        if name not in known.locked:
            yield about(name, "has never run with these settings")
            continue
        for kind in ("deps", "outs"):
            ran = {row["path"] for row in getattr(known.locked[name], kind)}
            for path in sorted(ran ^ getattr(declared, kind)):
                where = "dvc.lock, but not dvc.yaml" if path in ran else "dvc.yaml alone"
                yield about(name, f"{path} stands among its {kind} in {where}")


def _of_links(known: Pipelines) -> Iterator[Finding]:
    """A stage read what stages before it wrote, also where the data itself is not here."""
    written = {row["path"]: (name, row) for name, e in known.locked.items() for row in e.outs}
    for name, entry in known.locked.items():
        for row in entry.deps:
            path = row["path"]
            if path in written:
                producer, output = written[path]
                if output["md5"] != row["md5"]:
                    yield about(name, f"read another {path} than {producer} wrote last", path)
            elif path in known.ignored:
                inside = [row for key, (_, row) in written.items() if key.startswith(path + "/")]
                if not inside:
                    todo = "add it to git, or declare the stage that writes it"
                    yield about(name, f"{path} is neither in git nor any stage's output", todo=todo)
                elif any(row[key] != sum(r.get(key, 1) for r in inside) for key in SIZES):
                    yield about(name, f"{path} held other files than stages write there")


def _of_settings(root: Path, known: Pipelines) -> Iterator[Finding]:
    """The settings that each stage ran with are those of its file of settings.

    DVC takes 1, 1.0 and true for the same, and runs no stage again for one in place of another.
    """
    stages_of: dict[tuple[str, str], list[str]] = defaultdict(list)
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in known.locked.keys() & known.declared.keys():
        files = known.declared[name].params
        for file in files.keys() | known.locked[name].params.keys():
            settings = load_yaml(root / file)
            ran_with = known.locked[name].params.get(file, {})
            keys = files.get(file, frozenset())
            for key in ran_with.keys() | (settings.keys() if WHOLE_FILE in keys else keys):
                now = _lookup(settings, key)
                if key not in ran_with or ran_with[key] != now:
                    stages_of[file, key].append(name)
                elif not _of_one_kind(ran_with[key], now):
                    alike[file, key].append(name)
    for (file, key), names in sorted(stages_of.items()):
        yield Finding(frozenset(names), f"{file}: {key} is not what ", " ran with")
    for (file, key), names in sorted(alike.items()):
        says = f"{file}: {key} is of another kind than what "
        todo = "write it as dvc.lock has it: DVC takes 1, 1.0 and true for the same"
        yield Finding(frozenset(names), says, " ran with", todo=todo)


def _of_one_kind(before: Any, now: Any) -> bool:
    """Whether equal settings mean the same: a whole number does where one with a fraction stood.

    Not the other way round, and neither is true or false, as settings are read
    (`study.entry.rules`).
    """
    if isinstance(before, Mapping):
        return all(_of_one_kind(value, now[key]) for key, value in before.items())
    if isinstance(before, list):
        return all(map(_of_one_kind, before, now))
    if isinstance(before, bool) or isinstance(now, bool):
        return type(before) is type(now)
    return not (isinstance(before, int) and isinstance(now, float))


def _tells_machine_alone(outs: Collection[str]) -> bool:
    return bool(outs) and all(elsewhere.MACHINE in f"/{path}" for path in outs)


def _of_orphans(root: Path, known: Pipelines) -> Iterator[str]:
    """In a folder of results that a stage reads whole, each file is some stage's output.

    But for a README, which keeps a folder that may hold no results.
    """
    outputs = {path for stage in known.declared.values() for path in stage.outs}
    read = {row["path"] for entry in known.locked.values() for row in entry.deps}
    for folder in sorted(read - outputs):
        if not any(path.startswith(folder + "/") for path in outputs):
            continue
        for path in git(root, "ls-files", "--", folder):
            if path not in outputs and Path(path).name != "README.md":
                yield f"{path}: no stage of dvc.yaml writes it; remove it and run `dvc repro`"


def _recomputed(known: Pipelines) -> Iterator[str]:
    """Yield the stages to compute again: those of `RECOMPUTED` whose files are all in git."""
    for name, locked in known.locked.items():
        cheap = locked.name.partition("@")[0] in RECOMPUTED
        if cheap and not known.ignored & {row["path"] for row in (*locked.deps, *locked.outs)}:
            yield name


def _lookup(settings: Mapping[str, Any], key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return ...  # equal to no setting
        value = value[part]
    return value


def main() -> None:
    """Print what is stale or worth a note; exit with 1 if anything is stale."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prune", action="store_true", help="drop dead entries of dvc.lock")
    if parser.parse_args().prune:
        for name in prune(Path.cwd()):
            print(f"dvc.lock: dropped {name}")
        return
    lines, notes = examine(Path.cwd())
    for line in (*notes, *lines):
        print(f"gate: {line}")
    if lines:
        sys.exit(1)
    print("gate: code, settings and results belong together")


if __name__ == "__main__":
    main()
