"""The verifier with a small model: words decide, because its own verdicts were measured to be worth nothing."""

from __future__ import annotations

from typing import Any

from agents import verifier
from agents.verifier import Checkup, Cited
from models.offline.skill import Turn


async def test_a_small_model_is_not_asked_and_a_claim_in_other_words_is_not_removed_for_it() -> None:
    async def refuses(*_: Any, **__: Any) -> tuple[str, ...]:
        raise AssertionError("the model was asked")

    claims = [
        Cited(id="a", text="The repair took nine days.", passages=["It was long. The repair took nine days."]),
        Cited(id="b", text="The repair took 40 days.", passages=["The repair took nine days."]),
        Cited(id="c", text="Nine days went by until the repair was over.", passages=["The repair took nine days."]),
    ]
    turn = Turn(Checkup(claims=claims).model_dump_json(), frozenset(), [])
    verdicts = await verifier.guided(turn, refuses)
    labels = {each.id: each.label for each in verdicts.verdicts}  # type: ignore[union-attr]
    assert labels["a"] == "supported"
    assert labels["b"] == "unsupported"
    assert labels["c"] != "unsupported"
