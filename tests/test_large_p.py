"""No verdict and no sentence is made of a p value that is large: not shown is not shown to be none.

A test that rejects nothing leaves its question open. That two things are equal may be said where a
test of equivalence shows it, in words of its own ("equivalent", "within 1 point").
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = (
    "study/claims",
    "study/analyses/agreement",
    "study/analyses/sufficiency",
    "study/analyses/learning_rates",
    "study/analyses/results",
    "study/analyses/rules_of_thumb",
    "study/pages",
    "study/studies/methods/comparison",
    "study/studies/methods/pages",
    "study/studies/drift/answers",
    "study/studies/stacking/answers",
    "study/studies/placement/answers",
    "study/studies/instruct/answers",
)
NOT_SHOWN = (  # what a test that did not reject does not say
    *("no difference", "no miscalibration", "no effect of", "no influence"),
    *("neither over", "neither a rise", "neither better", "neither worse"),
    *("do not differ", "does not differ", "not significantly", "no significant"),
    *("indistinguishable", "statistically equal", "as far as the noise lets us see"),
)
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def is_p(node: ast.expr) -> bool:
    """Whether an expression is a p value, by its name or key."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            pass
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            pass
        case _:
            return False
    return name in ("p", "pvalue") or name.startswith(("p_", "largest_p"))


def large_p(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that ask whether a p value is large."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for left, operator, right in zip(sides[:-1], node.ops, sides[1:], strict=True):
                above = isinstance(operator, ast.Gt | ast.GtE) and is_p(left)
                below = isinstance(operator, ast.Lt | ast.LtE) and is_p(right)
                if above or below:
                    yield node.lineno


def said(tree: ast.AST) -> Iterator[str]:
    """Yield what a module can write: its constants, but for docstrings."""
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documented:
            yield " ".join(str(node.value).lower().split())


def test_nothing_is_concluded_from_a_test_that_did_not_reject() -> None:
    assert FILES
    found = []
    for path in FILES:
        tree, name = ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT))
        found += [f"{name}:{line}" for line in large_p(tree)]
        found += [
            f"{name}: {phrase}" for words in said(tree) for phrase in NOT_SHOWN if phrase in words
        ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    ["alike = p > alpha", "alike = row['p_worse'] >= 0.05", "alike = 0.05 < found.p_value < 1"],
)
def test_a_verdict_of_a_large_p_is_found(code: str) -> None:
    assert list(large_p(ast.parse(code)))


def test_a_small_p_may_decide_and_docstrings_may_explain() -> None:
    tree = ast.parse('"""There is no difference."""\nshown = p <= alpha\nwords = "no effect"')
    assert not list(large_p(tree))
    assert [words for words in said(tree) if "no" in words] == ["no effect"]
