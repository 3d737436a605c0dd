"""The report in a real browser, at the width of a desk and of a phone, by day and by night.

Chromium is driven by playwright; `make browser` installs it. Without one these tests fail: what
nobody looked at is not known to read well.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.study.pages.report.made import SHAPES, made_page

Opened: TypeAlias = tuple[Page, list[str]]

REPOSITORY = Path(__file__).resolve().parents[2]
COMMITTED = REPOSITORY / "plots/report.html"
AUDIT = Path(__file__).with_name("audit.js").read_text(encoding="utf-8")
NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 180_000  # milliseconds, for a machine that does much else
WIDTHS = {"desk": 1280, "phone": 390}
# Nothing but the page is to be loaded; the flags keep Chromium's own services quiet.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = [os.environ.get("REPORT_BROWSER", ""), *NAMES]
    path = next(filter(None, (shutil.which(name) for name in names if name)), None)
    if path is None:
        pytest.fail(
            f"no browser: none of {', '.join(NAMES)} is in PATH; run `make browser`, or set "
            "REPORT_BROWSER to a Chromium"
        )
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=_PATIENCE)
        yield opened
        opened.close()


@pytest.fixture(scope="module", params=["one", "twelve", "committed"])
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report: of the smallest and the largest made-up study, and the one in git."""
    if request.param == "committed":
        assert COMMITTED.exists(), "plots/report.html stands in git; `dvc repro` makes it"
        return COMMITTED
    path = tmp_path_factory.mktemp(request.param) / "report.html"
    path.write_text(made_page(SHAPES[request.param]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def desk(browser: Browser, page_file: Path) -> Iterator[Opened]:
    with opened(browser, page_file, WIDTHS["desk"]) as found:
        yield found


@pytest.fixture(scope="module")
def phone(browser: Browser, page_file: Path) -> Iterator[Opened]:
    with opened(browser, page_file, WIDTHS["phone"]) as found:
        yield found


@contextmanager
def opened(browser: Browser, path: Path, width: int) -> Iterator[Opened]:
    """Open a page; yield it, with all that went wrong or was asked for from elsewhere."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(_PATIENCE)
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    page.on("requestfailed", lambda request: trouble.append(f"failed: {request.url[:80]}"))
    own = path.as_uri()

    def asked(url: str) -> None:
        if url != own and not url.startswith("data:"):
            trouble.append(f"asked for {url}")

    page.on("request", lambda request: asked(request.url))
    page.goto(own)
    yield page, trouble
    page.close()


def read_through(page: Page, trouble: list[str], scheme: str = "light") -> None:
    """Unfold everything and fail with all that a reader would trip over."""
    page.emulate_media(color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    found = trouble + page.evaluate(AUDIT)
    assert not found, "\n".join(found)


def test_the_answer_is_on_the_first_screen_of_a_desk(desk):
    page, _ = desk
    box = page.locator(".answer").bounding_box()
    assert box["y"] + box["height"] <= 900


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_desk_shows_everything_whole_and_readable(desk, scheme):
    read_through(*desk, scheme)


def test_a_phone_shows_everything_whole_and_readable(phone):
    read_through(*phone)


def test_a_phone_can_make_a_figure_larger_without_widening_the_page(phone):
    page, trouble = phone
    image = page.locator("figure img").first
    before = image.bounding_box()["width"]
    for box in page.locator("figure input").all():
        box.check()
    assert image.bounding_box()["width"] > 1.5 * before
    read_through(page, trouble)


BROKEN = {
    "outside the window": '<p style="width: 3000px">wide</p>',
    "is too narrow": '<p style="width: 4em; white-space: nowrap">much longer than that</p>',
    "runs into": '<table><caption>t</caption><tr><td style="max-width: 1em; white-space: nowrap">'
    "long text</td><td>b</td></tr></table>",
    "no alternative text": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" alt="">',
    "did not load": '<img src="data:image/png;base64,AAAA" alt="a picture">',
    "leads nowhere": '<a href="#nowhere">there</a>',
    "a heading of level 4": "<h4>deep</h4>",
    "stands out": '<p style="color: #bbb; background: #fff">pale</p>',
    "pixels small": '<p style="font-size: 8px">small</p>',
    "two elements are called": '<p id="twice">a</p><p id="twice">b</p>',
}


@pytest.mark.parametrize("said", BROKEN)
def test_the_audit_sees_what_is_wrong(browser, tmp_path, said):
    """Else an empty list of findings would say nothing."""
    path = tmp_path / "broken.html"
    path.write_text(f"<!DOCTYPE html><title>t</title><h1>t</h1>{BROKEN[said]}", encoding="utf-8")
    with opened(browser, path, WIDTHS["desk"]) as (page, _):
        found = page.evaluate(AUDIT)
    assert any(said in line for line in found), found


def test_a_request_to_elsewhere_is_seen(browser, tmp_path):
    path = tmp_path / "calls.html"
    path.write_text('<img src="file:///nowhere.png" alt="a">', encoding="utf-8")
    with opened(browser, path, WIDTHS["desk"]) as (_, trouble):
        assert any("nowhere.png" in line for line in trouble)
