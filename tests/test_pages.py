"""README and docs/: a first page of one screen, from which all others are one click away.

Every link leads somewhere, every file that is named is there, and every command is one that make,
DVC and the settings take. That the commands do what is said of them is tested where they run:
`tests/pipeline/`.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from checks.dependencies import PACKAGES
from protocols import resolve
from study.entry.parser import parse
from study.entry.yaml_core import read_yaml
from study.settings import whole
from tests.checks.making import make
from tests.pipeline.declared import MAIN, SETTINGS
from tests.test_architecture import HOUSE

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
COMPANIONS = ("methods", "placement", "drift", "stacking", "instruct")
OTHERS = [ROOT / name / "README.md" for name in COMPANIONS]
PAGES = [README, *DOCS, *OTHERS, ROOT / "benchmarks/README.md"]
LINES = 150
FOLDERS = (*PACKAGES, "checks", "tests", "benchmarks", "protocols", "notebooks", "docs", ".github")
RESULTS = (
    *("metrics", "plots", "timings"),
    *COMPANIONS,
)
WORDS = ("make", "dvc", "python -m", "pip", "git", "source")  # that a command begins with
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def links(page: Path) -> list[str]:
    """What links and pictures lead to, but for other sites."""
    found = re.findall(r"\]\(([^()\s]+)\)", text_of(page))
    return [link for link in found if "://" not in link]


def spans(page: Path) -> list[str]:
    """Code in sentences and tables."""
    prose = re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def commands(page: Path) -> list[str]:
    """Every command: lines of bash blocks and of indented blocks, and code in sentences."""
    blocks = re.findall(r"^```bash\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)
    blocks += re.findall(r"^ {4}(\S.*)$", text_of(page), re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    inline = [s for s in spans(page) if s == "make" or s.startswith(tuple(f"{w} " for w in WORDS))]
    return sorted({line for line in lines + inline if shlex.split(line, comments=True)})


def test_the_first_page_is_one_screen() -> None:
    assert len(text_of(README).splitlines()) < LINES


def test_what_is_controlled_is_told_on_one_screen_with_the_file_that_does_it() -> None:
    page = ROOT / "docs/statistics.md"
    assert len(text_of(page).splitlines()) <= 60
    rows = re.findall(r"^\| .+\? \|.*\| `([\w/.]+)` \|$", text_of(page), re.MULTILINE)
    assert len(rows) == len(set(rows)) > 8
    assert all((ROOT / name).exists() for name in rows)


@each_page
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_one_click_from_the_first_and_leads_back() -> None:
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in links(README)}
    assert reached >= set(PAGES) - {README}
    for page in set(PAGES) - {README, ROOT / "instruct/README.md"}:  # which a stage writes
        assert "../README.md" in links(page), page


@pytest.mark.parametrize("page", [README, ROOT / "docs/house.md"], ids=lambda p: p.name)
def test_the_map_shows_every_room_from_the_roof_down(page: Path) -> None:
    row = r"^\| (`(?:audit|study|lora|stages|forecast)/[^|]*) \|.*\|.*\|$"
    firsts = re.findall(row, text_of(page), re.MULTILINE)
    shown = [span for first in firsts for span in re.findall(r"`([\w/]+/)`", first)]
    rooms = [room.rstrip("/") + "/" for room in HOUSE if page != README or room != "stages"]
    places = [next(i for i, s in enumerate(shown) if room.startswith(s)) for room in rooms]
    assert places == sorted(places)
    assert set(places) == set(range(len(shown)))


@each_page
def test_files_that_are_named_are_there(page: Path) -> None:
    sources = {path.name for name in FOLDERS for path in (ROOT / name).rglob("*.py")}
    for span in spans(page):
        if re.fullmatch(r"\w+\.py", span):
            assert span in sources, span
        elif re.fullmatch(r"[\w./-]+(:\w+)?", span) and span.startswith(
            tuple(f"{folder}/" for folder in (*FOLDERS, *RESULTS))
        ):
            path, _, name = span.partition(":")  # of a stage, or of a setting
            # With a name to fill in, or of data, which is not in git.
            free = re.search(r"[A-Z]{4}|(^|/)data/", path.replace("README", ""))
            assert free or (ROOT / path).exists() or (page.parent / path).exists(), span
            assert not name or name in names(path), span


@each_page
def test_commands_are_what_make_dvc_and_the_settings_take(page: Path, tmp_path: Path) -> None:
    for command in commands(page):
        words = shlex.split(command, comments=True)
        try:
            check(words, page, tmp_path)
        except DvcParserError:
            pytest.fail(f"not as DVC takes it: {command}")


def check(words: list[str], page: Path, folder: Path) -> None:
    """Fail if a command could not be given."""
    match words:
        case ["make", *arguments]:
            done = make(ROOT, "--dry-run", *arguments)
            assert done.returncode == 0, f"{words}: {done.stderr}"
        case ["dvc", *arguments]:
            check_dvc(arguments, page, folder)
        case ["python", "-m", "protocols", name, *_]:
            assert name in (*resolve.names(), "NAME"), words
        case ["python", "-m", module, *arguments]:
            place = ROOT / module.replace(".", "/")
            (file,) = [p for p in (place.with_suffix(".py"), place / "__main__.py") if p.exists()]
            for option in (word for word in arguments if word.startswith("--")):
                assert f'"{option}"' in text_of(file), words
        case ["pip", "install", extra]:
            (name,) = re.findall(r"^\.\[(\w+)\]$", extra)
            assert f"optional-dependencies.{name} =" in text_of(ROOT / "pyproject.toml")
        case ["source", file]:
            assert file == ".venv/bin/activate"
        case ["git", "add" | "diff", *_]:
            pass
        case ["git", "tag", "--annotate", tag, "--message", _]:
            artifacts = YAML(typ="safe").load(text_of(ROOT / "dvc.yaml"))["artifacts"]
            assert tag.partition("@")[0] in artifacts
        case _:
            raise AssertionError(f"{page.name}: no test knows how to check {shlex.join(words)}")


def check_dvc(arguments: list[str], page: Path, folder: Path) -> None:
    """DVC takes the words; targets are there; settings are taken by DVC and by the study."""
    asked = vars(get_main_parser().parse_args(arguments))
    for target in asked.get("targets") or []:
        file, _, stage = target.rpartition(":") if ":" in target else (target, "", "")
        if "/" in target or "." in target:
            assert (ROOT / file).is_file(), target
            assert not stage or stage in stages(file), target
        else:
            assert target.partition("@")[0] in stages("dvc.yaml"), target
    if arguments[0] == "queue" or arguments[:2] == ["exp", "apply"]:
        named = re.findall(r"--name (\S+)", text_of(page))
        assert set(arguments[2:]) <= {*named, "NAME", "-j", "2"}, arguments
    chosen: dict[str, list[str]] = defaultdict(list)
    for setting in asked.get("set_param") or []:
        file, colon, rest = setting.partition(":")
        of_file = colon and file in SETTINGS
        chosen[file if of_file else MAIN].append(rest if of_file else setting)
    for file, settings in chosen.items():
        copy = folder / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, copy)
        apply_overrides(copy, settings)
        if file == MAIN:
            whole.load(copy)
        else:
            parse(SETTINGS[file], read_yaml(copy), (), file)


def stages(file: str) -> Iterator[str]:
    """The stages of a dvc.yaml, by name."""
    pipeline = YAML(typ="safe").load(text_of(ROOT / file))
    return iter(pipeline["stages"])


def names(file: str) -> Iterator[str]:
    """The stages of a dvc.yaml, or the keys of a file of settings."""
    if file.endswith("params.yaml"):
        return iter(YAML(typ="safe").load(text_of(ROOT / file)))
    return stages(file)
