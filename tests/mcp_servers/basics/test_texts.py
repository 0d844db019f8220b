"""Diffs, JSON and regular expressions: what changed, where it breaks, what matches, and never without end."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_servers.basics.differences import compare


async def test_a_diff_names_the_words_that_changed(call: Any) -> None:
    told = await call("basics_text_diff", before="one\ntwo cats\nthree", after="one\ntwo dogs\nthree\nfour", html=True)
    assert "-two cats\n+two dogs" in told["unified"]
    assert told["words"][0] == {"kind": "replaced", "line": 2, "before": "cats", "after": "dogs"}
    assert (told["lines_added"], told["lines_removed"], told["identical"]) == (2, 1, False)
    assert told["html"]["media_type"] == "text/html"


_LINES = st.lists(st.sampled_from(["a", "b b", "c", "", "<b>"]), max_size=12).map("\n".join)


@given(_LINES, _LINES)
@settings(max_examples=60)
def test_added_and_removed_lines_account_for_the_difference(before: str, after: str) -> None:
    told = compare(before, after)
    assert told.identical == (before == after)
    assert len(before.splitlines()) - told.lines_removed + told.lines_added == len(after.splitlines())


@pytest.mark.parametrize(
    ("text", "line", "column", "hint"),
    [
        ('{"a": 1,\n "b": [1, 2,],\n}', 2, 13, "Remove the comma before it."),
        ("{'a': 1}", 1, 2, "Use double quotes."),
        ("{a: 1}", 1, 2, "Put the key in double quotes."),
        ('{"a": None}', 1, 7, "Write null."),
        ('{"a": 1 "b": 2}', 1, 9, "A comma is missing before it."),
        ('{"a": [1, 2', 1, 12, "It ends too early: close every bracket and quote."),
        ('{"a": NaN}', 1, 7, "Write null."),
    ],
)
async def test_the_place_where_json_breaks_is_named_with_its_remedy(
    call: Any, text: str, line: int, column: int, hint: str
) -> None:
    error = (await call("basics_json", text=text))["error"]
    assert (error["line"], error["hint"]) == (line, hint)
    assert abs(error["column"] - column) <= 1  # newer Pythons point at a comma rather than at what follows it


ORDERS = json.dumps({"orders": [{"id": 1, "total": 50}, {"id": 2, "total": 150}, {"id": "3", "total": 300}]})


@pytest.mark.parametrize("query", ["orders[?total > `100`].total", "$.orders[1:].total", "$['orders'][1:].total"])
async def test_json_is_queried(call: Any, query: str) -> None:
    assert json.loads((await call("basics_json", text=ORDERS, query=query))["result"]) == [150, 300]


async def test_what_breaks_a_schema_is_told_with_its_path(call: Any) -> None:
    item = {"type": "object", "properties": {"id": {"type": "integer"}}}
    schema = {"type": "object", "properties": {"orders": {"type": "array", "items": item}}}
    told = await call("basics_json", text=ORDERS, schema=json.dumps(schema))
    assert told["schema_errors"] == [
        {"path": "$.orders[2].id", "message": "'3' is not of type 'integer'", "rule": "type"}
    ]


async def test_a_schema_fetches_nothing(call: Any) -> None:
    with pytest.raises(Exception, match="refers to another document"):
        await call("basics_json", text="1", schema='{"$ref": "http://example.com/schema.json"}')


async def test_a_pattern_in_a_schema_cannot_hang(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_servers.basics.checks.JSON_SECONDS", 0.2)
    hostile = json.dumps({"type": "string", "pattern": "^(a+)+$"})
    with pytest.raises(Exception, match="took more than"):
        await call("basics_json", text=json.dumps("a" * 60 + "!"), schema=hostile)


async def test_a_pattern_is_tried_and_told_part_by_part(call: Any) -> None:
    told = await call(
        "basics_regex",
        pattern=r"(?P<user>\w+)@(\w+\.)+com",
        text="write to\nann@mail.example.com",
        replacement=r"\g<user>",
    )
    match = told["matches"][0]
    assert (match["text"], match["start"], match["line"]) == ("ann@mail.example.com", 9, 2)
    assert match["named"] == {"user": "ann"}
    assert told["replaced"] == "write to\nann"
    assert told["explanation"][:3] == [
        "group 1:",
        "  once or more:",
        "    one of a letter, digit or _".replace("one of ", ""),
    ]


async def test_a_pattern_that_backtracks_without_end_is_stopped(call: Any) -> None:
    start = time.monotonic()
    with pytest.raises(Exception, match="did not end within"):
        await call("basics_regex", pattern="(a+)+$", text="a" * 50 + "!", seconds=0.2)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(("pattern", "words"), [("(a", "not valid at place 1"), ("a{1000000000000}", "not valid")])
async def test_a_pattern_that_is_none_is_refused(call: Any, pattern: str, words: str) -> None:
    with pytest.raises(Exception, match=words):
        await call("basics_regex", pattern=pattern, text="a")
