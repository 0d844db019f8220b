"""ONNX Runtime tells nobody what runs here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lyceum.onnx import onnxruntime

ROOT = Path(__file__).parents[2]
FOLDERS = ("lyceum", "models", "memory", "agents", "workflows", "evals", "mcp_servers", "app")


def test_it_is_loaded_only_where_its_telemetry_is_turned_off_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    assert onnxruntime().__name__ == "onnxruntime"
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    loads = re.compile(r"""^\s*(import|from) onnxruntime|import_module\(["']onnxruntime""", re.MULTILINE)
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if path.name != "onnx.py"]
    assert [path for path in files if loads.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows system calls")
def test_a_text_is_embedded_without_a_word_to_any_host(tmp_path: Path) -> None:
    code = "import time;from models.embeddings import _load, package_folder; _load(package_folder()); time.sleep(15)"
    log = tmp_path / "calls"
    watched = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(log)]
    subprocess.run([*watched, sys.executable, "-c", code], cwd=ROOT, check=True)
    assert "AF_INET" not in log.read_text()
