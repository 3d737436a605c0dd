"""Trains an arm again, from nothing but the commit, and compares with what is committed of it.

    python -m checks.verify            the rank that lora.rank names
    python -m checks.verify lora@4     head_only, full, or a rank of lora.ranks

The first line is the result. Exits with 1 if the results are others, with 2 if it cannot be
verified. What is verified is HEAD, in a clone that is removed afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from checks import machines, retrained
from checks.pipelines import load_yaml
from checks.repository import git

DATA = "metrics/data.json"  # what the data was like; the same on every machine


class CannotVerify(Exception):
    """Nothing to compare, or the arm does not train; the message is for people."""


@dataclass(frozen=True)
class Verdict:
    """What came of it.

    Attributes:
        result: one line.
        details: further lines.
    """

    same: bool
    result: str
    details: tuple[str, ...]


def verify(root: Path, arm: str | None = None) -> Verdict:
    """Train an arm of the repository's HEAD from scratch and compare.

    Args:
        arm: head_only, full or lora@RANK; None: the headline's rank, or the sweep's first.

    Raises:
        CannotVerify: no such arm, or no record of it is committed, or a stage fails.
    """
    try:
        commit = git(root, "rev-parse", "--verify", "HEAD")[0]
    except RuntimeError as error:
        raise CannotVerify(f"{root}: no commit to verify ({error})") from error
    with tempfile.TemporaryDirectory(prefix="verify-") as name:
        clone, committed = Path(name) / "clone", Path(name) / "committed"
        git(root, "clone", "--quiet", "--no-checkout", str(root), str(clone))
        git(clone, "checkout", "--quiet", "--detach", commit)
        arm, stage, file = choose(load_yaml(clone / "params.yaml"), arm)
        machine = f"metrics/machine/{file}.json"
        for path in (DATA, machine, *retrained.files(file)):
            if not (clone / path).is_file():
                raise CannotVerify(
                    f"{path}: not in HEAD, so there is nothing to compare {arm} with; "
                    "run `dvc repro` and commit what it writes"
                )
            (committed / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(clone / path, committed / path)
        threads = _threads(committed / machine)
        for command in (["stages.check"], ["stages.prepare"], stage):
            _run(clone, command, threads)
        try:
            verdict = judge(committed, clone, arm, file)
        except (KeyError, TypeError, ValueError, SafetensorError) as error:
            record = " or ".join(retrained.files(file))
            raise CannotVerify(f"{record}: in HEAD, but no record of an arm ({error!r})") from error
    return Verdict(verdict.same, verdict.result, (*verdict.details, *_of_head(root, commit)))


def choose(settings: Mapping[str, Any], arm: str | None) -> tuple[str, list[str], str]:
    """Return an arm's name, the module and arguments that train it, and its files' name.

    Raises:
        CannotVerify: there is no such arm; those that there are get named.
    """
    ranks = settings["lora"]["ranks"]
    headline = settings["lora"]["rank"]
    arm = arm or f"lora@{headline if headline in ranks else ranks[0]}"
    known = ["head_only", "full", *(f"lora@{rank}" for rank in ranks)]
    if arm not in known:
        raise CannotVerify(f"ARM: {arm}, but there is no such arm; allowed: {', '.join(known)}")
    if lora := re.fullmatch(r"lora@(\d+)", arm):
        return arm, ["stages.lora", "--rank", lora[1]], f"lora-r{lora[1]}"
    return arm, [f"stages.{arm}"], arm


def judge(committed: Path, trained: Path, arm: str, file: str) -> Verdict:
    """Compare what was trained with what was committed.

    Args:
        committed, trained: folders with an arm's files, its machine's and `DATA`.
        file: the arm's name in their names.
    """
    record, logits = retrained.files(file)
    compared = f"compared: {record}, {logits}, {DATA}"
    there, here = (
        json.loads((root / f"metrics/machine/{file}.json").read_text(encoding="utf-8"))
        for root in (committed, trained)
    )
    ours, theirs = retrained.read(committed, file), retrained.read(trained, file)
    wrong = list(retrained.inconsistencies(ours, file))
    if (committed / DATA).read_bytes() != (trained / DATA).read_bytes():
        wrong.append(f"{DATA}: the sentences prepared here are others")
    bits = list(retrained.byte_differences(committed, trained, file))
    other, unknown = machines.differences(here, there), machines.unknown(here, there)
    if other:
        why = f"tolerance, as this is another kind of machine: {', '.join(other)}"
    elif unknown:
        why = (
            "bit for bit if it is, else tolerance: nothing recorded tells this machine from the "
            f"one that made the record, but one of them does not tell its {', '.join(unknown)}"
        )
    else:
        why = "bit for bit, as this is the same kind of machine: all that is recorded is equal"
    details = (f"what applies: {why}", compared)
    if not wrong and not bits:
        return Verdict(True, f"{arm} trained again gives the committed bytes", details)
    if not other and not unknown:
        wrong += bits
    else:
        wrong += retrained.beyond_tolerance(ours, theirs, file)
    if wrong:
        return Verdict(
            False, f"{arm} trained again does not give what is committed", (*wrong, *details)
        )
    most = max(retrained.other_predictions(ours, theirs).values(), default=0)
    gap = 100 * retrained.largest_gap(ours, theirs)
    told = (
        f"{arm} trained again is within the tolerance of what is committed: at most {most} other "
        f"test predictions of {len(ours.record['test_labels'])} a run "
        f"(allowed: {retrained.allowed_predictions(ours)}), means {gap:.2f} points apart "
        f"(allowed: {100 * retrained.allowed_gap(ours, retrained.TEST):.2g})"
    )
    return Verdict(True, told, details)


def _threads(machine: Path) -> int:
    """How many threads a record was made with."""
    try:
        return int(json.loads(machine.read_text(encoding="utf-8"))["threads"])
    except (KeyError, TypeError, ValueError) as error:
        raise CannotVerify(f"{machine.name}: in HEAD, but does not tell the threads") from error


def _run(clone: Path, stage: list[str], threads: int) -> None:
    """Run a stage of the clone; what it prints goes to stderr, and the end of it into the error."""
    print(f"verify: python -m {' '.join(stage)}", file=sys.stderr, flush=True)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    (clone.parent / "tmp").mkdir(exist_ok=True)
    env["TMPDIR"] = str(clone.parent / "tmp")  # torch leaves a folder there
    env["OMP_NUM_THREADS"] = str(threads)  # as the record was made: sums depend on it
    done = subprocess.run(
        [sys.executable, "-m", *stage],
        cwd=clone,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CannotVerify(
            f"python -m {' '.join(stage)} fails in a clone of HEAD ({last}). What is not in git is "
            "not there: `git add` a file of your own first, and commit"
        )


def _of_head(root: Path, commit: str) -> list[str]:
    edited = [line[3:] for line in git(root, "status", "--porcelain")]
    line = f"verified: HEAD, {commit[:10]}"
    return [f"{line}, without what is not committed: {', '.join(edited)}" if edited else line]


def main() -> None:
    """Print the result and what it rests on; exit with 1 if it is another."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("arm", nargs="?", metavar="ARM", help="head_only, full or lora@RANK")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the clone is removed
    try:
        verdict = verify(Path.cwd(), parser.parse_args().arm)
    except CannotVerify as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"verify: {verdict.result}")
    for line in verdict.details:
        print(f"  {line}")
    sys.exit(0 if verdict.same else 1)


if __name__ == "__main__":
    main()
