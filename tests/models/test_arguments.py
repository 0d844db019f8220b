"""Arguments are read out of a request by their form, and never made up."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.offline.arguments import fill

TEXT = {"type": "string"}
CASES: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = [
    ("Read https://example.org/a.pdf, please.", {"url": {**TEXT, "description": "An https:// address."}}, {"url": "https://example.org/a.pdf"}),
    ("Index the folder ~/reports now", {"path": {**TEXT, "description": "A file or folder."}}, {"path": "~/reports"}),
    ("From 2026-03-03 to 17 April 2026", {"start": {**TEXT, "description": "A date."}, "end": {**TEXT, "description": "A date."}}, {"start": "2026-03-03", "end": "17 April 2026"}),
    ("Open course:lora#rank", {"id": TEXT}, {"id": "course:lora#rank"}),
    ('Read the file `a.csv` of the context `c-9`', {"context": TEXT, "path": {**TEXT, "description": "A path."}}, {"context": "c-9", "path": "a.csv"}),
    ('Encode "hello" with the tokenizer "gpt2"', {"tokenizer": TEXT, "text": TEXT}, {"tokenizer": "gpt2", "text": "hello"}),
    ('Send to ada@example.com the text "late"', {"to": TEXT, "text": TEXT}, {"to": "ada@example.com", "text": "late"}),
    ("Convert 12 miles to kilometres", {"quantity": TEXT, "to": TEXT}, {"quantity": "12 miles", "to": "kilometres"}),
    ("Add 3 and 4.5", {"a": {"type": "integer"}, "b": {"type": "number"}}, {"a": 3, "b": 4.5}),
    ("Which files hold it?", {"query": TEXT}, {"query": "Which files hold it?"}),
    ("Is the sandbox working?", {"code": {**TEXT, "description": "Python source."}}, None),
    ("Is it there?", {"a": TEXT, "b": TEXT}, None),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "properties", "wanted"), CASES)
def test_a_value_goes_where_its_form_and_the_words_before_it_say(
    request_: str, properties: dict[str, Any], wanted: dict[str, Any] | None
) -> None:
    assert fill(request_, {"properties": properties, "required": list(properties)}) == wanted


def test_an_optional_number_is_taken_only_where_its_name_follows_it() -> None:
    schema = {
        "properties": {"start": {**TEXT, "description": "A date."}, "days": {"type": "integer"}},
        "required": ["start"],
    }
    assert fill("90 days after 2026-01-15", schema) == {"start": "2026-01-15", "days": 90}
    assert fill("the 3rd time after 2026-01-15", schema) == {"start": "2026-01-15"}


@given(
    st.text(max_size=200), st.lists(st.sampled_from(["url", "path", "id", "to", "date", "text", "count"]), unique=True)
)
def test_no_text_is_made_up(request_: str, names: list[str]) -> None:
    properties: dict[str, Any] = {name: {"type": "integer"} if name == "count" else dict(TEXT) for name in names}
    given_ = fill(request_, {"properties": properties, "required": names})
    for value in (given_ or {}).values():
        assert re.sub(r"\s+", " ", str(value)) in re.sub(r"\s+", " ", request_) or isinstance(value, int)
