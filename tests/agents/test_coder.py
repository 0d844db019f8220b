"""A small model is led to an edit: what it writes is kept only where it is the place that was asked for."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import coder
from agents.coder import CodeResult
from agents.mutants import mutants
from agents.repairing import Assignment, Failing, Suspect
from models.offline.skill import Turn

TEXT = """import re


class Box:
    size = 1

    def grow(self, by):
        return self.size - by


def half(n):
    return n / 3
"""
FAILING = [Failing(test="t::half", source="def test_half():\n    assert half(4) == 2", message="half(4) is 1.3")]


class Script:
    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.asked: list[str] = []

    async def __call__(self, system: str, user: str, *, samples: int = 1, **_: Any) -> tuple[str, ...]:
        self.asked.append(system + user)
        return self.texts[:samples]


def suspect(name: str, kind: str, first: int, last: int) -> Suspect:
    return Suspect(path="box.py", name=name, kind=kind, first=first, last=last, text=TEXT)


async def led(script: Script, place: Suspect, **more: Any) -> list[str]:
    """Return the file as each proposal would leave it."""
    task = Assignment(request="fix", failing=FAILING, suspect=place, texts={"box.py": TEXT}, **more)
    result = await coder.guided(Turn(task.model_dump_json()), script)
    assert isinstance(result, CodeResult)
    return [TEXT.replace(edit.old, edit.new) for proposal in result.proposals for edit in proposal.edits]


HALF = suspect("half", "function", 11, 12)


async def test_a_function_is_replaced_and_the_rest_of_the_file_stays() -> None:
    (text,) = await led(Script("def half(n):\n    return n / 2\n"), HALF)
    assert text == TEXT.replace("n / 3", "n / 2")


async def test_words_after_the_code_and_other_definitions_are_left_out() -> None:
    (text,) = await led(Script("def other(): pass\n\ndef half(n):\n    return n // 2\nThis halves it, surely."), HALF)
    assert text == TEXT.replace("n / 3", "n // 2")


@pytest.mark.parametrize(
    "written", ["def half(n):\n    return n / 3", "def quarter(n):\n    return n", "I cannot.", ""]
)
async def test_what_is_no_change_or_another_place_is_no_proposal(written: str) -> None:
    assert await led(Script(written), HALF) == []


async def test_a_method_keeps_its_indentation_also_when_its_class_came_along() -> None:
    place = suspect("Box.grow", "function", 7, 8)
    right = TEXT.replace("self.size - by", "self.size + by")
    assert await led(Script("def grow(self, by):\n    return self.size + by"), place) == [right]
    assert await led(Script("class Box:\n    def grow(self, by):\n        return self.size + by"), place) == [right]


async def test_a_missing_method_joins_its_class_and_a_missing_function_ends_the_file() -> None:
    (text,) = await led(
        Script("def empty(self):\n    return not self.size"), suspect("Box.empty", "missing method", 8, 8)
    )
    assert "by\n\n    def empty(self):\n        return not self.size\n\n\ndef half" in text
    (text,) = await led(Script("def twice(n):\n    return 2 * n"), suspect("twice", "missing function", 13, 13))
    assert text == TEXT + "\n\ndef twice(n):\n    return 2 * n\n"


async def test_an_import_that_came_with_the_code_joins_the_others() -> None:
    (text,) = await led(Script("import math\n\ndef half(n):\n    return math.floor(n / 2)"), HALF)
    assert text.startswith("import math\nimport re\n")


async def test_later_attempts_are_several_and_shown_what_did_not_help() -> None:
    script = Script(*(f"def half(n):\n    return n / {k}" for k in (2, 4, 4, 5)))
    assert len(await led(script, HALF, attempt=3, tried=["    return n / 7"])) == 3
    assert "return n / 7" in script.asked[0]


@pytest.mark.parametrize(
    ("name", "line"),
    [("math", "import math"), ("Counter", "from collections import Counter"), ("up", "from a.b import up")],
)
def test_an_import_that_is_plainly_missing_needs_no_model(name: str, line: str) -> None:
    texts = {"box.py": '"""Boxes."""\n\nx = 1\n', "a/b.py": "def up(): ...\n"}
    task = Assignment(request="fix", failing=[], undefined=[("box.py", name)], texts=texts)
    result = coder.offline(Turn(task.model_dump_json()))
    assert isinstance(result, CodeResult)
    assert result.proposals[0].edits[0].new == f'"""Boxes."""\n\n{line}\n\nx = 1\n'


async def test_a_function_is_first_written_from_what_it_is_for_and_then_corrected() -> None:
    script = Script("def half(n):\n    return n / 2")
    await led(script, HALF)
    fresh, corrected = script.asked
    assert "def half(n):\n    ..." in fresh
    assert "n / 3" not in fresh
    assert "n / 3" in corrected


def mended(text: str, **more: Any) -> list[str]:
    """Return the files that the offline engine proposes for the first function of a text."""
    last = text.count("\n") or 1
    place = Suspect(path="box.py", name="f", kind="function", first=1, last=last, text=text)
    task = Assignment(request="fix", failing=FAILING, suspect=place, texts={"box.py": text}, **more)
    result = coder.offline(Turn(task.model_dump_json()))
    assert isinstance(result, CodeResult)
    return [proposal.edits[0].new for proposal in result.proposals]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("return a - b", "return a + b"),
        ("return a <  b", "return a <=  b"),
        ("return a not  in b", "return a in b"),
        ("return a and b", "return a or b"),
        ("return range(1, a)", "return range(1, a + 1)"),
        ("return b[a:]", "return b[a + 1:]"),
        ("return b - a", "return a - b"),
        ("return max(a, b)", "return min(a, b)"),
        ("return a.lower()", "return a.upper()"),
        ("return sorted(a, reverse=True)", "return sorted(a, reverse=False)"),
        ("return 'é' + a[0]", "return 'é' + a[1]"),
        ("return not a", "return a"),
        (
            "return b\n\n\ndef g(x=[]):\n    return x",
            "return b\n\n\ndef g(x=None):\n    if x is None:\n        x = []\n    return x",
        ),
    ],
)
def test_small_slips_need_no_model_but_tests(wrong: str, right: str) -> None:
    proposed = mended(f"def f(a, b):\n    {wrong}\n")
    assert f"def f(a, b):\n    {right}\n" in proposed
    assert len(set(proposed)) == len(proposed)


@given(st.sampled_from(sorted(Path(coder.__file__).parent.glob("*.py"))), st.integers(1, 60))
@settings(max_examples=15, deadline=None)
def test_a_small_change_is_one_place_of_code_that_can_be_read(path: Path, first: int) -> None:
    text = path.read_text(encoding="utf-8")
    for mutant in mutants(text, first, first + 5):
        ast.parse(mutant)
        assert mutant != text


def test_the_offline_engine_says_that_it_writes_no_code() -> None:
    task = Assignment(request="fix", failing=FAILING, suspect=HALF, texts={"box.py": TEXT}, attempt=2)
    result = coder.offline(Turn(task.model_dump_json()))
    assert isinstance(result, CodeResult)
    assert result.declined


async def test_what_is_missing_is_begun_for_the_model_and_told_in_the_words_of_the_request() -> None:
    place = Suspect(path="box.py", name="initials", kind="missing function", first=1, last=TEXT.count("\n"), text=TEXT)
    script = Script("(title):\n    return ''.join(word[0].upper() for word in title.split())")
    (file,) = await led(script, place)
    assert "def initials(title):" in file
    assert "What is asked for: fix" in script.asked[0]
