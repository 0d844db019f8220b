"""Which tools are called, of which server, with what, in what order: single requests to each server an agent uses."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from evals.outcomes import SCORERS
from evals.suite import Case, FrontDoor, Outcome, Suite, load_cases
from evals.suites.attached import attachments


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    """Ask with copies of the case's folders: an agent that edits without asking must not mend the case itself."""
    with tempfile.TemporaryDirectory(prefix="tool-use-") as folder:
        given = attachments(case, Path(__file__).parent / "documents")
        copies = [shutil.copytree(path, Path(folder) / path.name) if path.is_dir() else path for path in given]
        return await front_door.ask(case.input, attach=copies)


def suite() -> Suite:
    return Suite("tool_use", __doc__ or "", load_cases(Path(__file__).with_name("cases.yaml")), answer, SCORERS)
