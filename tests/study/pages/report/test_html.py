"""The page's building blocks: text is escaped, verdicts are words, pictures are inside."""

from __future__ import annotations

import base64
import re

import pytest

from study.pages.report import html
from study.pages.report.html import Html


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("take **rank 4** now", "take <strong>rank 4</strong> now"),
        ("see `metrics/a.json`", "see <code>metrics/a.json</code>"),
        ("80.0 % of 1.2 points", "80.0\N{NO-BREAK SPACE}% of 1.2\N{NO-BREAK SPACE}points"),
        ("the model's", "the model\N{RIGHT SINGLE QUOTATION MARK}s"),
        ("-1.2 (-0.3 to 4)", "\N{MINUS SIGN}1.2 (\N{MINUS SIGN}0.3 to 4)"),
        ("1e-3, MiniLM-66, 2-3", "1e-3, MiniLM-66, 2-3"),
        (
            "it's `dvc exp run -S 'a=[-1, 2]' -S \"b=5 %\"`, `c's -1`'s, -1",
            "it\N{RIGHT SINGLE QUOTATION MARK}s "
            "<code>dvc exp run -S 'a=[-1, 2]' -S \"b=5 %\"</code>, "
            "<code>c's -1</code>'s, \N{MINUS SIGN}1",
        ),
        ("**run `a ** b`**", "<strong>run <code>a ** b</code></strong>"),
    ],
)
def test_text_is_escaped_and_set_with_care(plain, written):
    assert html.text(plain) == written


def test_what_is_html_already_is_left_alone():
    assert html.text(Html("<b>x</b>")) == "<b>x</b>"


def test_code_is_kept_character_for_character():
    assert html.code("a**2 - -1's <b>") == "<code>a**2 - -1's &lt;b&gt;</code>"


def test_a_table_has_a_header_for_every_row_and_column_and_a_name():
    made = html.table("Costs & gains", ("Arm", "Size"), [("full", "1 <"), ("head", "2")], note="n")
    assert len(re.findall(r'<th scope="col"', made)) == 2
    assert len(re.findall(r'<th scope="row"', made)) == 2
    name = re.search(r'<table aria-labelledby="([\w-]+)"', made).group(1)
    assert f'<p class="caption" id="{name}">Costs &amp; gains</p>' in made
    assert "1 &lt;" in made
    assert made.index("</table>") < made.index("n</p>")


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        html.table("t", ("a", "b"), [("one",)])


@pytest.mark.parametrize(
    ("verdict", "tone"),
    [("holds", "good"), ("does not hold", "bad"), ("cannot be told", "open"), ("else", "open")],
)
def test_a_verdict_is_said_in_words(verdict, tone):
    assert html.badge(verdict) == f'<span class="badge {tone}">{verdict}</span>'


def test_a_picture_is_inside_the_page_with_its_words():
    made = html.figure("name", b"<svg>1</svg>", "What to see.", 'Says "x" & <y>')
    data = re.search(r"data:image/svg\+xml;base64,([\w+/=]+)", made).group(1)
    assert base64.b64decode(data) == b"<svg>1</svg>"
    assert 'alt="Says &quot;x&quot; &amp; &lt;y&gt;"' in made
    assert "<figcaption>What to see.</figcaption>" in made


def test_a_notebook_shows_html_as_such():
    assert Html("<p>x</p>")._repr_html_() == "<p>x</p>"
