"""The report in a real browser, at the width of a desk and of a phone, by day and by night.

Chromium is driven by playwright; `make browser` installs it. Without one these tests fail: what
nobody looked at is not known to read well.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.study.report.made import SHAPES, made_page

REPOSITORY = Path(__file__).resolve().parents[2]
COMMITTED = REPOSITORY / "plots/report.html"
AUDIT = Path(__file__).with_name("audit.js").read_text(encoding="utf-8")
NAMES = ("chromium", "chromium-browser", "google-chrome")
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
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module", params=[*SHAPES, "committed"])
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report: of made-up studies of every shape, and the one in git."""
    if request.param == "committed":
        if not COMMITTED.exists():
            pytest.skip("plots/report.html is not there: the study has not been reproduced")
        return COMMITTED
    path = tmp_path_factory.mktemp(request.param) / "report.html"
    path.write_text(made_page(SHAPES[request.param]), encoding="utf-8")
    return path


def opened(browser: Browser, path: Path, width: int, scheme: str = "light") -> tuple[Page, list]:
    """Open a page; return it, with all that went wrong or was asked for from elsewhere."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
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
    page.wait_for_load_state("networkidle")
    return page, trouble


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_cut_off_missing_or_unreadable(browser, page_file, width, scheme):
    page, trouble = opened(browser, page_file, width, scheme)
    found = page.evaluate(AUDIT)
    page.close()
    assert not trouble + found, "\n".join(trouble + found)


def test_a_phone_can_make_a_figure_larger_without_widening_the_page(browser, page_file):
    page, _ = opened(browser, page_file, WIDTHS["phone"])
    image = page.locator("figure img").first
    before = image.bounding_box()["width"]
    page.locator("figure input").first.check()
    assert image.bounding_box()["width"] > 1.5 * before
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()


def test_the_answer_is_on_the_first_screen_of_a_desk(browser, page_file):
    page, _ = opened(browser, page_file, WIDTHS["desk"])
    box = page.locator(".answer").bounding_box()
    assert box["y"] + box["height"] <= 900
    page.close()


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
    page, _ = opened(browser, path, WIDTHS["desk"])
    found = page.evaluate(AUDIT)
    page.close()
    assert any(said in line for line in found), found


def test_a_request_to_elsewhere_is_seen(browser, tmp_path):
    path = tmp_path / "calls.html"
    path.write_text('<img src="file:///nowhere.png" alt="a">', encoding="utf-8")
    page, trouble = opened(browser, path, WIDTHS["desk"])
    page.close()
    assert any("nowhere.png" in line for line in trouble)
