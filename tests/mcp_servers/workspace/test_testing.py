"""Tests run in the sandbox, with pytest's usual features or unittest's, and what they say is told with its place."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_servers.sandbox import tiers
from mcp_servers.sandbox.landlock import Landlock
from mcp_servers.workspace.testing import Report
from tests.mcp_servers.workspace.conftest import Tool

FEATURES = """
import sys
import pytest

calls = []

@pytest.fixture(scope="module")
def shared():
    calls.append("made")
    yield {"n": 1}
    calls.append("closed")

@pytest.fixture(params=[1, 2])
def number(request):
    return request.param

@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("MODE", "test")

@pytest.mark.parametrize("a", [1, 2])
@pytest.mark.parametrize("b,c", [(3, 4), pytest.param(5, 6, id="big")])
def test_grid(a, b, c, shared):
    assert a < b < c and calls == ["made"]

def test_param_fixture(number, shared):
    assert number in (1, 2)

def test_builtins(tmp_path, capsys, monkeypatch):
    import os
    assert os.environ["MODE"] == "test"
    (tmp_path / "x").write_text("x")
    print("out"); print("err", file=sys.stderr)
    assert capsys.readouterr() == ("out\\n", "err\\n")

@pytest.mark.skip(reason="later")
def test_skipped(): assert False

@pytest.mark.skipif(sys.version_info > (3,), reason="new")
def test_skipped_if(): assert False

@pytest.mark.xfail
def test_expected(): assert False

def test_raises():
    with pytest.raises(ValueError, match="no .*") as caught:
        raise ValueError("no way")
    assert caught.type is ValueError
    assert 0.1 + 0.2 == pytest.approx(0.3)

class TestGroup:
    def setup_method(self): self.value = 5
    def test_value(self): assert self.value == 5
    @pytest.mark.parametrize("x", [1])
    def test_method(self, x, from_conftest): assert from_conftest == x

def test_does_not_raise():
    with pytest.raises(KeyError):
        pass
"""
CASES = """
import unittest

class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.base = 2
    def setUp(self): self.n = self.base
    def test_sub(self):
        for n in (2, 3):
            with self.subTest(n=n):
                self.assertEqual(self.n, n)
    @unittest.skip("later")
    def test_skipped(self): self.fail()
    def test_fine(self): self.assertTrue(self.n)

class Waiting(unittest.IsolatedAsyncioTestCase):
    async def test_async(self): self.assertEqual(1, 1)
"""

FAILING = {
    "test_calc.py::test_add",
    "tests/test_broken.py",
    "tests/test_cases.py::Case::test_sub",
    "tests/test_features.py::test_does_not_raise",
}


def by_pytest(files: dict[str, str], folder: Path) -> Report:
    """Let the harness run these files in an interpreter that has pytest."""
    code = (
        "import json, sys; from mcp_servers.workspace.inside.run_tests import main; print(main(**json.load(sys.stdin)))"
    )
    repository = {path: (base64.b64encode(text.encode()).decode(), 0o644) for path, text in files.items()}
    given = json.dumps({"repository": repository, "wanted": [], "seconds": 30, "each": 5})
    path = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", code], input=given, capture_output=True, text=True, check=True, cwd=folder,
        env={"PYTHONPATH": path, "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    return Report.model_validate_json(done.stdout)


def test_the_built_in_runner_says_what_pytest_says(repository: Path, tmp_path: Path) -> None:
    files = {
        "src/calc.py": (repository / "src" / "calc.py").read_text(),
        "test_calc.py": (repository / "test_calc.py").read_text(),
        "tests/conftest.py": "import pytest\n@pytest.fixture\ndef from_conftest(): return 1\n",
        "tests/test_features.py": FEATURES,
        "tests/test_cases.py": CASES,
        "tests/test_broken.py": "from calc import nothing\n",
    }
    real = by_pytest(files, tmp_path)
    assert real.runner == "pytest"
    assert (real.passed, real.skipped) == (12, 4)
    assert {failure.test for failure in real.failures} == FAILING
    (add,) = [failure for failure in real.failures if failure.test == "test_calc.py::test_add"]
    assert "add(2, 1) is 1" in add.message
    assert any(place.name == "add" for place in add.calls)


async def test_what_tests_of_small_repositories_use_works_without_pytest(tool: Tool, repository: Path) -> None:
    (repository / "tests").mkdir()
    (repository / "tests" / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef from_conftest(): return 1\n")
    (repository / "tests" / "test_features.py").write_text(FEATURES)
    (repository / "tests" / "test_cases.py").write_text(CASES)
    (repository / "tests" / "test_broken.py").write_text("from calc import nothing\n")
    report = await tool("test")
    failures = {failure["test"]: failure for failure in report["failures"]}
    assert set(failures) == FAILING
    assert report["skipped"] == 4
    assert report["passed"] == 12
    assert "add(2, 1) is 1" in failures["test_calc.py::test_add"]["message"]
    assert "cannot import name 'nothing' from 'calc'" in failures["tests/test_broken.py"]["message"]
    assert {"path": "src/calc.py", "line": 1, "name": "add"} in failures["test_calc.py::test_add"]["calls"]
    tried = await tool("test", paths=["test_calc.py"], edits=[{"path": "src/calc.py", "old": "a - b", "new": "a + b"}])
    assert (tried["passed"], tried["failed"]) == (1, 0)
    assert "a - b" in (repository / "src" / "calc.py").read_text(), "trying changes no file"


async def test_tests_that_end_the_interpreter_or_forge_a_report_are_only_data(tool: Tool, repository: Path) -> None:
    (repository / "test_calc.py").write_text("import os\n\ndef test_exit():\n    os._exit(0)\n")
    report = await tool("test")
    assert "ended the interpreter" in report["problem"]
    (repository / ".env").write_text("TOKEN=hunter2\n")
    (repository / "test_calc.py").write_text("import os\n\ndef test_env():\n    assert not os.path.exists('.env')\n")
    assert (await tool("test"))["passed"] == 1, "secrets do not travel"


@pytest.mark.slow  # it waits for the clock
async def test_a_test_that_never_ends_is_told_where_it_was(tool: Tool, repository: Path) -> None:
    (repository / "loop.py").write_text("def spin():\n    while True:\n        pass\n")
    (repository / "test_loop.py").write_text("from loop import spin\n\ndef test_spin():\n    spin()\n")
    (failure,) = (await tool("test", paths=["test_loop.py"]))["failures"]
    assert "endless loop" in failure["message"]
    assert failure["frames"][-1]["path"] == "loop.py"


async def test_tests_run_as_well_where_only_the_weaker_wall_stands(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    if tiers.lacking("landlock"):
        pytest.skip("no Landlock here")
    monkeypatch.setattr(tiers, "fullest", lambda packages=None: Landlock(packages))
    report = Report.model_validate(await tool("test"))
    assert (report.passed, report.failed) == (0, 1)
