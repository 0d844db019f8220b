"""`lyceum runs show --steps` and `lyceum runs fork --from`, from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.conftest import Command

QUESTION = "Who were the founders of the catalogue?"


def test_a_run_is_forked_from_its_approval_and_another_plan_is_carried_out(lyceum: Command, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "history.md").write_text("# History\n\nThe founders of the catalogue were two brothers from Calgary.\n")
    code, _, err = lyceum("research", QUESTION, "--source", f"docs:{folder}", "--offline")
    assert code == 3, err
    run, name = re.findall(r"^run (\w{12})$", err, re.MULTILINE)[0], re.findall(r"docs (docs-\w+)", err)[0]
    code, first, err = lyceum("runs", "approve", run)
    assert code == 0, err
    code, out, _ = lyceum("runs", "show", run, "--steps", "--json")
    assert (code, "approve.research_plan" in out) == (0, True)
    assert all(step.strip() in json.loads(out) for step in lyceum("runs", "show", run, "--steps")[1].splitlines())
    code, out, err = lyceum("runs", "fork", run, "--from", "approve.resaerch_plan")
    assert (code, out) == (2, "")
    assert "approve.research_plan" in err
    code, out, err = lyceum("runs", "fork", run, "--from", "approve.research_plan")
    assert code == 0, err
    fork = out.strip()
    assert f"lyceum runs resume {fork}" in err
    code, _, err = lyceum("runs", "resume", fork)
    assert code == 3, err
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"sub_questions: [{{id: q1, question: 'Where did the brothers come from?', sources: [{name}]}}]")
    code, second, err = lyceum("runs", "approve", fork, "--edit", str(plan))
    assert code == 0, err
    assert "## Where did the brothers come from?" in second
    assert "## Who were the founders of the catalogue?" in first
    code, out, _ = lyceum("runs", "show", run)
    assert "Where did the brothers" not in out  # what was forked stays as it was
