"""What goes into a collection, what is passed over, and what a second ingestion does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pypdf
import pytest
from mcp import Client

from lyceum.errors import Unavailable
from lyceum.settings import Settings
from mcp_servers.retrieval import ocr
from mcp_servers.retrieval.server import create_server
from mcp_servers.services import Services


async def test_a_folder_of_every_format_goes_in_whole(call: Any, folder: Path) -> None:
    report = await call("ingest", path=str(folder))
    assert (report["added"], report["error_count"], report["skipped_count"]) == (6, 0, 0)
    listed = await call("list", collection="default")
    assert [document["name"] for document in listed["documents"]] == [
        "code/tide.py", "gearbox.pdf", "kites.md", "lamps.html", "notes.txt", "travel.docx",
    ]  # fmt: skip
    assert sum(document["passages"] for document in listed["documents"]) == report["passages"]


async def test_broken_encrypted_and_scanned_pdfs_are_reported_and_the_rest_is_kept(
    call: Any, folder: Path, pdf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ocr, "is_installed", lambda: False)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 cut off")
    (folder / "scan.pdf").write_bytes(pdf("", ""))
    (folder / "half.pdf").write_bytes(pdf("Only page one has text.", ""))
    (folder / "broken.docx").write_bytes(b"PK\x03\x04 not a zip")
    writer = pypdf.PdfWriter(clone_from=folder / "gearbox.pdf")
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(folder / "locked.pdf")
    report = await call("ingest", path=str(folder))
    reasons = {error["path"]: f"{error['reason']} {error['next_step']}" for error in report["errors"]}
    assert set(reasons) == {"broken.pdf", "broken.docx", "scan.pdf", "half.pdf", "locked.pdf"}
    assert "OCR is not installed" in reasons["scan.pdf"]
    assert "encrypted" in reasons["locked.pdf"]
    assert "pages 2" in reasons["half.pdf"]
    assert report["added"] == 7, "six whole documents and the page that has text"


async def test_empty_binary_and_oddly_encoded_files_are_reported_with_what_to_do(call: Any, folder: Path) -> None:
    (folder / "empty.md").write_text("")
    (folder / "blank.html").write_text("<html><body>  </body></html>")
    (folder / "binary.txt").write_bytes(bytes(range(256)))
    (folder / "old.txt").write_bytes("Der Schlüssel liegt über der Tür.".encode("windows-1252"))
    report = await call("ingest", path=str(folder))
    reasons = {error["path"]: error["reason"] for error in report["errors"]}
    assert reasons == {
        "empty.md": "It is empty.",
        "blank.html": "It has no text.",
        "binary.txt": "It is not text.",
        "old.txt": "It is not UTF-8; it was read as Windows-1252.",
    }
    assert all(error["next_step"] for error in report["errors"])
    assert "über der Tür" in (await call("search", query="Wo liegt der Schlüssel?"))["sources"][0]["text"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root can list every folder")
async def test_an_unreadable_folder_is_reported_and_its_documents_are_kept(call: Any, folder: Path) -> None:
    await call("ingest", path=str(folder))
    (folder / "code").chmod(0)
    report = await call("ingest", path=str(folder))
    (folder / "code").chmod(0o755)
    assert [error["path"] for error in report["errors"]] == ["code"]
    assert report["removed"] == []


class Missing(Services):
    @property
    def embedder(self) -> Any:
        raise Unavailable("The embedding model is not installed.", next_step="Install it.")


async def test_without_the_embedding_model_search_is_by_words_and_says_so(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    ingest, search = {"path": str(folder)}, {"query": "What is the torque limit of the gearbox?"}
    async with Client(create_server(Settings(home=home), Missing(home))) as client:
        report = (await client.call_tool("retrieval_ingest", ingest)).structured_content
        found = (await client.call_tool("retrieval_search", search)).structured_content
    assert report is not None
    assert found is not None
    assert report["added"] == 6
    assert "by words only" in report["note"]
    assert found["note"] == report["note"]
    assert found["confident"]
    assert "340 Nm" in found["sources"][0]["text"]
    async with Client(create_server(Settings(home=home), Services(home))) as client:
        early = (await client.call_tool("retrieval_search", search)).structured_content
        again = (await client.call_tool("retrieval_ingest", ingest)).structured_content
        meant = (await client.call_tool("retrieval_search", {"query": "light fixture"})).structured_content
    assert early is not None
    assert again is not None
    assert early["note"].startswith("6 documents are found by words only")
    assert meant is not None
    assert (again["updated"], again["note"]) == (6, "")
    assert meant["sources"][0]["title"] == "lamps.html"
    async with Client(create_server(Settings(home=home), Missing(home))) as client:
        third = (await client.call_tool("retrieval_ingest", ingest)).structured_content
    assert third is not None
    assert third["unchanged"] == 6, "vectors that are there are not thrown away"


async def test_what_is_no_document_is_passed_over_with_a_reason(call: Any, folder: Path) -> None:
    (folder / "visits.csv").write_text("city,visitors\nOslo,10\n")
    (folder / ".secret").write_text("hidden")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "index.js").write_text("module")
    (folder / "program.bin").write_bytes(b"\x7fELF\x00\x00\x01")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    (folder.parent / "outside.md").write_text("outside the folder")
    (folder / "link.md").symlink_to(folder.parent / "outside.md")
    os.mkfifo(folder / "pipe.txt")
    report = await call("ingest", path=str(folder))
    reasons = {skipped["path"]: f"{skipped['reason']} {skipped['next_step']}" for skipped in report["skipped"]}
    assert set(reasons) == {
        "visits.csv", ".secret", "node_modules", "program.bin", "photo.png", "link.md", "pipe.txt",
    }  # fmt: skip
    assert "sql_attach" in reasons["visits.csv"]
    assert (report["added"], report["error_count"]) == (6, 0)


async def test_a_file_above_the_limit_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("word " * 300_000)
    settings = Settings(home=tmp_path / "home", servers={"retrieval": {"max_file_mb": 1}})
    async with Client(create_server(settings, Services(tmp_path / "home"))) as client:
        result = await client.call_tool("retrieval_ingest", {"path": str(tmp_path / "long.txt")})
    assert result.structured_content is not None
    assert result.structured_content["skipped"][0]["reason"] == "Larger than 1 MB."


async def test_a_second_ingestion_reads_only_what_changed_and_forgets_what_is_gone(call: Any, folder: Path) -> None:
    await call("ingest", path=str(folder))
    before = (await call("search", query="Which bulb does a lamp take?"))["sources"][0]
    (folder / "notes.txt").write_text("The cellar key is under the mat.\n")
    (folder / "gearbox.pdf").unlink()
    report = await call("ingest", path=str(folder))
    assert (report["added"], report["updated"], report["unchanged"]) == (0, 1, 4)
    assert report["removed"] == ["gearbox.pdf"]
    found = await call("search", query="Where is the cellar key?")
    assert "under the mat" in found["sources"][0]["text"]
    assert all("clock" not in source["text"] for source in found["sources"])
    assert (await call("search", query="Which bulb does a lamp take?"))["sources"][0] == before


async def test_a_file_that_broke_keeps_its_earlier_version(call: Any, folder: Path) -> None:
    await call("ingest", path=str(folder))
    (folder / "gearbox.pdf").write_bytes(b"%PDF-1.7 cut off")
    report = await call("ingest", path=str(folder))
    assert [error["path"] for error in report["errors"]] == ["gearbox.pdf"]
    assert "340 Nm" in (await call("search", query="torque limit of the gearbox"))["sources"][0]["text"]


async def test_unchanged_passages_of_an_edited_document_keep_their_ids(call: Any, folder: Path) -> None:
    await call("ingest", path=str(folder))
    first = (await call("search", query="Within how many days of purchase?"))["sources"][0]
    text = (folder / "kites.md").read_text()
    (folder / "kites.md").write_text(text.replace("Opening remarks.", "Opening remarks.\n\n## New\n\nOther matters."))
    await call("ingest", path=str(folder))
    assert (await call("read", id=first["id"], context=0))["sources"][0]["text"] == first["text"]


async def test_two_folders_with_the_same_file_names_live_side_by_side(call: Any, tmp_path: Path) -> None:
    for name, text in (("north", "Snow falls in January."), ("south", "Rain falls in July.")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weather.md").write_text(text)
        await call("ingest", path=str(tmp_path / name))
    listed = await call("list", collection="default")
    assert [document["name"] for document in listed["documents"]] == ["south/weather.md", "weather.md"]


async def test_progress_is_reported_file_by_file(tmp_path: Path, folder: Path) -> None:
    seen: list[tuple[float, float | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total))

    async with Client(create_server(Settings(home=tmp_path / "home"), Services(tmp_path / "home"))) as client:
        await client.call_tool("retrieval_ingest", {"path": str(folder)}, progress_callback=note)
    assert seen == [(number, 6) for number in range(6)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "/no/such/folder"}, "does not exist"),
        ({"path": "~", "collection": "../escape"}, "collection"),
    ],
)
async def test_a_wrong_path_or_name_is_refused_with_what_to_send(call: Any, arguments: Any, said: str) -> None:
    assert said in (await call("ingest", **arguments))["error"]
