"""A folder becomes a collection file by file: what is broken is named, what was killed goes on, nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lyceum.events import Answered, Note
from lyceum.settings import BudgetSettings
from tests.workflows.conformance.research import Product, kill, wait_for, write_documents


async def test_a_broken_file_is_named_and_stops_nothing(wired: Any, tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "documents", 7)
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing of the kind")
    (documents / "picture.png").write_bytes(b"\x89PNG")
    given = {"path": str(documents), "collection": "notes", "batch": 3}
    async with wired(budget=BudgetSettings(seconds=0.01)) as app:  # which is for models, and there is none
        run = await app.engine.drive(await app.engine.submit("ingest", given))
        assert run.status == "done", run.error
        answer = Answered.model_validate(run.result)
        assert "holds 7 documents" in answer.text
        assert "- left out broken.pdf: It" in answer.text
        notes = [event.text for event in await app.store.events(run.id) if isinstance(event, Note)]
        progress = [note for note in notes if "of 9 files" in note]
        assert progress == ["3 of 9 files", "6 of 9 files", "9 of 9 files"]
        [attached] = (await app.store.thread(run.thread)).attachments
        assert attached.name == "notes"
        (documents / "note000.md").unlink()
        again = await app.engine.drive(await app.engine.submit("ingest", given))
        taken = again.result["output"]
        assert (taken["taken"]["unchanged"], taken["whole"]["removed"]) == (6, ["note000.md"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_hundreds_of_files_go_on_where_they_were_killed(tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "documents", 600)
    product = Product(tmp_path / "home")
    process = product.start("ingest", str(documents), "--collection", "notes")
    run = product.run_id()
    finished: list[dict[str, Any]] = []
    for batches in (2, 8, 16):
        wait_for(lambda at=batches: product.count(run) > at, f"{batches} batches")
        kill(process)
        finished.append(product.journal(run))
        process = product.start("runs", "resume", run)
    said, told = process.communicate(timeout=600)
    assert process.returncode == 0, told
    assert "holds 600 documents" in said
    final = product.journal(run)
    for earlier in finished:
        assert {key: final[key] for key in earlier} == earlier
