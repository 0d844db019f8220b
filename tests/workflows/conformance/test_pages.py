"""What the page on durable workflows shows for Temporal is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.service
def test_the_first_workflow_of_the_page_runs_on_temporal(temporal_server: Any, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "durable.md").read_text(encoding="utf-8")
    first = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    [client] = re.findall(r"```py\n(.*?)```", page, re.DOTALL)
    (tmp_path / "greetings.py").write_text(first)
    (tmp_path / "start.py").write_text(client)
    environment = {
        **os.environ,
        "LYCEUM_HOME": str(tmp_path / "home"),
        "LYCEUM_TEMPORAL__ADDRESS": f"127.0.0.1:{temporal_server[1]}",
        "LYCEUM_TEMPORAL__TASK_QUEUE": "page",
        "PYTHONPATH": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "start.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith("{'sent': ['Dear Ada (letter ")
