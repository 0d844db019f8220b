"""A citation exists only if it resolves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lyceum.sources import Claim, Source, by_id, resolve

REGISTRY = by_id(Source(id=f"s{n}", kind="passage", title=f"T{n}", text=f"text {n}") for n in range(4))


def test_an_invented_citation_is_dropped_and_named_and_its_claim_goes_with_it() -> None:
    claims = [Claim(text="good", citations=["s1"]), Claim(text="invented", citations=["nowhere"])]
    resolved = resolve(claims, REGISTRY)
    assert [claim.text for claim in resolved.claims] == ["good"]
    assert resolved.dropped == ["nowhere"]


@given(st.lists(st.lists(st.sampled_from(["s0", "s1", "s2", "s3", "x", "y"]), max_size=4), max_size=6))
def test_every_citation_that_is_kept_has_its_source_and_number(cited: list[list[str]]) -> None:
    resolved = resolve([Claim(text=str(n), citations=ids) for n, ids in enumerate(cited)], REGISTRY)
    for claim in resolved.claims:
        for citation in claim.citations:
            assert resolved.sources[resolved.number(citation) - 1].id == citation
    assert set(resolved.dropped) == {citation for ids in cited for citation in ids if citation not in REGISTRY}


def test_the_hash_of_a_source_changes_with_what_is_cited() -> None:
    first = Source(id="a", kind="rows", title="t", query="SELECT 1", columns=("n",), rows=((1,),))
    assert first.hash == first.model_copy(update={"title": "other"}).hash
    assert first.hash != first.model_copy(update={"rows": ((2,),)}).hash
