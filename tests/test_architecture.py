"""The laws of the house that no single module can break alone without it showing here.

Imports go down, stages name the rooms that they import from, the training path is light, nothing
is unpickled or executed, nothing names a machine. That each stage's settings are its `params` is
tested where stages run: `tests/pipeline/test_settings_read.py`.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from checks import dependencies, repository

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(p for name in dependencies.PACKAGES for p in (ROOT / name).rglob("*.py"))
STAGES: dict[str, Any] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
# The house from the roof down: what stands in a room imports from it and from the rooms below it.
HOUSE = (
    "audit",
    "stages",
    "forecast",
    "study/studies/methods/pages",
    "study/studies/methods/comparison",
    "study/studies/methods/training",
    "study/studies/methods/settings.py",
    "study/studies/drift/answers",
    "study/studies/drift/outputs",
    "study/studies/drift/settings.py",
    "study/studies/stacking/answers",
    "study/studies/stacking/combining",
    "study/studies/stacking/settings.py",
    "study/studies/placement/answers",
    "study/studies/placement/cells.py",
    "study/studies/placement/training",
    "study/studies/placement/settings.py",
    "study/studies/instruct/answers",
    "study/studies/instruct/training",
    "study/studies/instruct/pairs",
    "study/studies/instruct/settings",
    "study/pages/report",
    "study/pages/selected",
    "study/pages/figures",
    "study/claims",
    "study/analyses/agreement",
    "study/analyses/capacity",
    "study/analyses/cost",
    "study/analyses/learning_rates",
    "study/analyses/rules_of_thumb",
    "study/analyses/spectra",
    "study/analyses/operations",
    "study/analyses/sufficiency",
    "study/analyses/undertraining",
    "study/analyses/results",
    "study/feasibility",
    "study/probes",
    "study/evaluation",
    "study/arms",
    "study/training",
    "study/models",
    "study/batches",
    "study/data",
    "study/theory",
    "study/statistics",
    "study/words",
    "study/records",
    "study/metrics",
    "study/sources",
    "study/settings",
    "study/entry",
    "lora",
)
TRAINING = ("head_only", "full", "shuffled_labels", "lora", "headline")
HEAVY = ("datasets", "dvc", "papermill", "pandas", "scipy", "sklearn", "matplotlib", "peft")
OPTIONAL = ("ray",)  # an extra


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_by(path: Path) -> set[str]:
    """The top packages that a source file imports."""
    return {name.split(".")[0] for name in dependencies.imports(path, module_of(path))}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls_in(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            yield node


def outputs_of(stage: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Path by path, the options of a stage's outputs."""
    rows = [row if isinstance(row, dict) else {row: {}} for row in stage["outs"]]
    return {path: options for row in rows for path, options in row.items()}


# --- Imports -------------------------------------------------------------------------------------


def room_of(name: str) -> str:
    """The room of a file."""
    (room,) = [room for room in HOUSE if name == room or name.startswith(room + "/")]
    return room


FILES = {name_of(path) for path in SOURCES}


@functools.cache
def types_too(path: Path) -> set[str]:
    """The project's files that a source file imports, also under `if TYPE_CHECKING`."""
    nodes = ast.walk(tree_of(path))
    found = {
        (n.module or "", a.name) for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names
    }
    names = {module for module, _ in found} | {f"{module}.{name}" for module, name in found}
    return {name.replace(".", "/") + ".py" for name in names} & FILES


MODULES = [path for path in SOURCES if path.name != "__init__.py"]


# A law of all files is one test: hundreds of tests would take seconds to be found and told of.


def test_imports_only_go_down() -> None:
    climbs = [
        f"{name_of(path)}: {name}"
        for path in MODULES
        for name in types_too(path)
        if HOUSE.index(room_of(name)) < HOUSE.index(room_of(name_of(path)))
    ]
    assert climbs == []
    above = {"tests", "checks", "benchmarks", "protocols"}
    assert [name_of(path) for path in MODULES if imported_by(path) & above] == []


def test_no_room_is_empty_and_each_says_what_it_is_for() -> None:
    for room in HOUSE:
        if not room.endswith(".py"):
            assert list((ROOT / room).rglob("[!_]*.py")), room
            assert ast.get_docstring(tree_of(ROOT / room / "__init__.py")), room


def test_no_file_imports_one_that_imports_it() -> None:
    after = {name_of(path): types_too(path) for path in MODULES}

    def reaches(name: str, seen: set[str]) -> set[str]:
        for other in after.get(name, set()) - seen:
            seen.add(other)
            reaches(other, seen)
        return seen

    assert [name for name in after if name in reaches(name, set())] == []


def test_lora_knows_no_data_set_no_dvc_no_yaml() -> None:
    for path in (ROOT / "lora").rglob("*.py"):
        assert not imported_by(path) & {*HEAVY, "yaml", "ruamel", "pyarrow"}, path


def test_settings_are_parsed_in_one_place() -> None:
    readers = {name_of(path) for path in SOURCES if imported_by(path) & {"yaml", "ruamel"}}
    assert readers == {"study/entry/yaml_core.py"}


def test_package_files_hold_a_docstring_and_nothing_else() -> None:
    """No stage names them, so nothing in them may decide a result.

    The one line that must run before any stage imports torch stands in `stages/__init__.py`: how
    long an idle OpenMP thread spins, which no result depends on.
    """
    first = ["from study.entry import process", "process.prepare()"]
    for path in SOURCES:
        if path.name == "__init__.py":
            docstring, *rest = tree_of(path).body
            assert isinstance(docstring, ast.Expr), path
            allowed = first if name_of(path) == "stages/__init__.py" else []
            assert [ast.unparse(node) for node in rest] == allowed, path


def test_project_modules_are_never_imported_by_a_computed_name() -> None:
    """Reading imports from the source would not see them."""
    for path in SOURCES:
        for call in calls_in(path):
            assert ast.unparse(call.func) not in ("importlib.import_module", "__import__"), path


# --- dvc.yaml ------------------------------------------------------------------------------------


def test_stages_name_every_room_that_they_import_from_and_no_other() -> None:
    assert dependencies.differences(ROOT) == []


def test_every_stage_module_is_a_stage_of_a_dvc_yaml() -> None:
    helpers = {"stages.methods.one_method", "stages.answer"}  # the latter runs stages
    pipelines = [
        YAML(typ="safe").load((ROOT / file).read_text())["stages"]
        for file in repository.pipeline_files(ROOT)
    ]
    commands = [stage["cmd"] for pipeline in pipelines for stage in pipeline.values()]
    files = (path for path in SOURCES if path.name != "__init__.py")
    modules = {module_of(path) for path in files if module_of(path).startswith("stages.")}
    used = {dependencies.stage_module(command) for command in commands}
    assert modules - helpers == used
    for name, stage in STAGES.items():
        # A further block is trained by the stage of its arm.
        assert stage["cmd"].startswith(f"python -m stages.{name.removesuffix('_block')}")


@pytest.mark.parametrize(
    "stage", ["theory_bound", "head_only", "linear_probe", "full", "shuffled_labels"]
)
def test_a_change_of_the_lora_layer_does_not_reach_what_has_no_lora(stage: str) -> None:
    files = dependencies.closure(f"stages.{stage}", ROOT)
    assert not [path for path in files if path.startswith("lora/")]


def test_the_list_of_ranks_is_no_setting_of_the_stage_that_trains_one_rank() -> None:
    params = STAGES["lora"]["params"]
    assert not {"lora", "lora.ranks", "lora.rank"} & set(params)


def test_nothing_depends_on_what_the_machine_was_like() -> None:
    for file in repository.pipeline_files(ROOT):
        for stage in YAML(typ="safe").load((ROOT / file).read_text())["stages"].values():
            for path in stage["deps"]:
                assert "/machine" not in path
                assert path.rstrip("/") != "metrics"


def test_data_is_cached_and_ignored_by_git_and_results_are_in_git() -> None:
    """A cached output that git did not ignore would make DVC write a .gitignore beside it."""
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for stage in STAGES.values():
        for path, options in outputs_of(stage).items():
            in_data = path.startswith("data/")
            assert in_data == options.get("cache", True), path
            assert in_data or path.startswith(("metrics/", "plots/")), path
    assert "/data/" in ignored


def test_nothing_but_the_page_that_shows_them_depends_on_pictures() -> None:
    """Their bytes vary with the version of matplotlib."""
    for stage in (stage for name, stage in STAGES.items() if name != "report"):
        assert not [path for path in stage["deps"] if path.endswith((".png", ".svg", ".html"))]


# --- The training path ---------------------------------------------------------------------------

WITHOUT = """
import json, sys
from tests.absent import hide
absent, modules = map(json.loads, sys.argv[1:])
hide(absent)
for module in modules:
    __import__(module)
print(json.dumps(sorted(set(absent) & set(sys.modules))))
"""


def test_training_runs_where_nothing_heavy_is_installed() -> None:
    """Also inside functions: the source of every file on the path names none of it."""
    modules = [f"stages.{stage}" for stage in TRAINING]
    absent = [*HEAVY, *OPTIONAL]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, json.dumps(absent), json.dumps(modules)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    for module in modules:
        for name in dependencies.closure(module, ROOT):
            assert not imported_by(ROOT / name) & set(HEAVY), name


def test_an_optional_extra_is_imported_by_its_executor_alone() -> None:
    readers = {name_of(path) for path in SOURCES if imported_by(path) & set(OPTIONAL)}
    assert readers == {"study/training/ray_executor.py"}


def test_data_sets_are_read_only_while_preparing() -> None:
    preparing = dependencies.closure("stages.prepare", ROOT)
    readers = {name_of(path) for path in SOURCES if "datasets" in imported_by(path)}
    assert readers
    assert readers <= preparing


# --- Safety --------------------------------------------------------------------------------------

UNSAFE_CALLS = {"eval", "exec", "torch.load", "pickle.load", "pickle.loads", "joblib.load"}
UNSAFE_IMPORTS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def test_nothing_is_unpickled_executed_or_trusted_from_afar() -> None:
    found = []
    for path in SOURCES:
        found += [f"{name_of(path)}: {name}" for name in imported_by(path) & UNSAFE_IMPORTS]
        for call in calls_in(path):
            trusted = [
                keyword
                for keyword in call.keywords
                if keyword.arg in ("trust_remote_code", "allow_pickle")
                and ast.unparse(keyword.value) != "False"
            ]
            if trusted or ast.unparse(call.func) in UNSAFE_CALLS:
                found.append(f"{name_of(path)}:{call.lineno}: {ast.unparse(call)}")
    assert found == []


# Composed, so that this file does not name what it looks for.
HOMES = re.compile(rb"(?<![\w.])/(?:" + b"|".join([rb"root/", rb"home/\w", rb"Users/\w"]) + rb")")
PLACES = re.compile(rb"(?<![\w./~-])/(?:" + b"|".join([rb"work", rb"tmp", rb"mnt"]) + rb")/\w")


def test_no_tracked_file_names_a_folder_of_some_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix != ".png":
            for number, line in enumerate(path.read_bytes().splitlines(), 1):
                if HOMES.search(line) or PLACES.search(line):
                    found.append(f"{name}:{number}")
    assert found == []


def test_what_is_read_in_one_sitting_stays_short() -> None:
    """The limits of the house: the main study, and its companions together."""

    def lines(path: Path) -> int:
        return len(path.read_text().splitlines())

    companions = ("drift", "instruct", "methods", "placement", "stacking")
    assert lines(ROOT / "dvc.yaml") < 350
    assert sum(lines(ROOT / name / "dvc.yaml") for name in companions) < 350
