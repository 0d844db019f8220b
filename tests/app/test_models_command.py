"""`lyceum models`: what it lists, how a pull is told, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.cli import main
from lyceum.paths import home_from_environment
from models.catalog import CATALOG, CatalogModel, HubFile
from models.local.store import installed

REAL_HOME = home_from_environment()  # before the tests get homes of their own
CONTENT = b"GGUF" + bytes(n * n % 251 for n in range(50_000))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, CatalogModel]]:
    """A catalogue of one free model and one with terms, and a hub on this machine that has both."""
    folder = tmp_path / "hub" / "some" / "repository" / "resolve" / "main"
    folder.mkdir(parents=True)
    (folder / "tiny.gguf").write_bytes(CONTENT)
    models = {
        name: CatalogModel(
            name=name,
            title=f"The model {name}",
            file="tiny.gguf",
            licence=licence,
            licence_url="https://example.test/licence",
            size_bytes=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            sources=(HubFile("some/repository", "tiny.gguf"),),
            context=1024,
            terms=name == "guarded",
        )
        for name, licence in (("tiny", "Apache-2.0"), ("guarded", "Some Terms"))
    }
    for name in list(CATALOG):
        monkeypatch.delitem(CATALOG, name)
    for name, model in models.items():
        monkeypatch.setitem(CATALOG, name, model)
    handler = partial(_Quiet, directory=str(tmp_path / "hub"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as hub:
        threading.Thread(target=hub.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}")
        monkeypatch.setenv("LYCEUM_PROVIDER__OLLAMA_URL", "http://127.0.0.1:9")
        yield models
        hub.shutdown()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


Said = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("catalogue")
def test_a_pull_tells_licence_size_and_progress_and_answers_with_the_file(home: Path, capsys: Said) -> None:
    assert main(["models", "pull", "tiny"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(home / "models" / "tiny" / "tiny.gguf")
    assert "Apache-2.0 (https://example.test/licence)" in said.err
    assert "100 %" in said.err
    assert main(["models", "pull", "tiny", "--json"]) == 0
    said = capsys.readouterr()
    assert "pulled already" in said.err
    assert json.loads(said.out)["sha256"] == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.usefixtures("catalogue")
def test_terms_are_accepted_before_anything_is_fetched(home: Path, capsys: Said) -> None:
    assert main(["models", "pull", "guarded"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert installed(home) == []
    assert main(["models", "pull", "guarded", "--yes"]) == 0


@pytest.mark.usefixtures("catalogue")
def test_the_list_says_of_every_model_what_it_is_and_what_to_do(home: Path, capsys: Said) -> None:
    assert main(["models", "pull", "tiny"]) == 0
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"openai", "ollama", "local", "offline"} <= {rung["name"] for rung in listed["rungs"]}
    assert [(each["name"], each["state"]) for each in listed["local"]] == [
        ("tiny", "pulled"),
        ("guarded", "not pulled"),
    ]

    (home / "models" / "tiny" / "tiny.gguf").write_bytes(CONTENT[:100])
    half = home / "models" / "guarded" / "tiny.gguf.part"
    half.parent.mkdir()
    half.write_bytes(CONTENT[:100])
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("! tiny") and "lyceum models pull tiny" in line]
    assert [line for line in lines if "guarded" in line and "are there: lyceum models pull guarded" in line]


@pytest.mark.usefixtures("catalogue")
def test_a_removed_model_is_gone_and_a_second_time_says_so(home: Path, capsys: Said) -> None:
    assert main(["models", "pull", "tiny"]) == 0
    assert main(["models", "rm", "tiny"]) == 0
    assert installed(home) == []
    assert main(["models", "rm", "tiny"]) == 2
    assert "tiny is not pulled" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["pull", "rm", "serve"])
def test_an_unknown_model_is_answered_with_the_nearest(action: str, capsys: Said) -> None:
    assert main(["models", action, "qwen2.5-coder-1.5"]) == 2
    assert "qwen2.5-coder-1.5b" in capsys.readouterr().err
    assert main(["models", action]) == 2
    assert "gemma-3-270m" in capsys.readouterr().err


@pytest.mark.usefixtures("catalogue")
def test_what_cannot_be_served_is_told(capsys: Said) -> None:
    assert main(["models", "serve", "tiny"]) == 2
    assert "lyceum models pull tiny" in capsys.readouterr().err
    assert main(["models", "pull", "tiny"]) == 0
    assert main(["models", "serve", "tiny", "--host", "0.0.0.0"]) == 2
    assert "LYCEUM_PROVIDER__API_KEY" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["models", "serve", "tiny", "--port", str(taken.getsockname()[1])]) == 1
    assert "--port" in capsys.readouterr().err
    assert main(["models", "serve", "tiny", "--port", "70000"]) == 2
    assert main(["models", "serve", "tiny", "--port", "0"]) == 2  # its bytes are no model
    assert "lyceum models rm tiny" in capsys.readouterr().err


@pytest.mark.local_model
def test_a_served_model_answers_any_openai_client_and_no_page_of_another_site() -> None:
    pulled = min(installed(REAL_HOME), key=lambda each: each.manifest.size_bytes, default=None)
    if pulled is None:
        pytest.skip("pull a model first: lyceum models pull gemma-3-270m")
    code = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "models", "serve", pulled.name, "--port", "0"]
    environment = {"LYCEUM_HOME": str(REAL_HOME), "PATH": "/usr/bin:/bin", "LYCEUM_PROVIDER__API_KEY": "a-key"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as served:
        try:
            assert served.stdout is not None
            url = served.stdout.readline().strip()
            ask = {"prompt": "One, two, three,", "max_tokens": 4, "temperature": 0}
            assert httpx2.post(f"{url}/completions", json=ask).status_code == 401
            with httpx2.Client(headers={"Authorization": "Bearer a-key", "Origin": "https://elsewhere.test"}) as client:
                answer = client.post(f"{url}/completions", json=ask, timeout=60)
                assert "four" in answer.json()["choices"][0]["text"]
                assert answer.headers["Access-Control-Allow-Origin"] != "https://elsewhere.test"
                assert [each["id"] for each in client.get(f"{url}/models").json()["data"]] == [pulled.name]
        finally:
            served.kill()
