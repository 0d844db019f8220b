"""Pulling a model: a real server on this machine stands for the hub, real wheels for the package index."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lyceum.errors import Cancelled, LyceumError, OperatorError, Unavailable
from models.catalog import CatalogModel, HubFile, Source
from models.local import transfer
from models.local.pull import part_of, pull
from models.local.store import path_of

CONTENT = b"GGUF" + bytes(n * n % 251 for n in range(300_000))


class Hub(ThreadingHTTPServer):
    """Serves `content` under every address; the switches make it behave as bad hubs do."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.content = CONTENT
        self.status = 200
        self.knows_ranges = True
        self.declares = True
        self.breaks_after: list[int] = []  # bytes that the next answers end after
        self.asked: list[str] = []  # the Range of each request
        self.on_block: Callable[[], object] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        hub = self.server
        wanted = self.headers.get("Range", "")
        hub.asked.append(wanted)
        if hub.status != 200:
            self.send_error(hub.status)
            return
        start = int(found[1]) if hub.knows_ranges and (found := re.match(r"bytes=(\d+)-", wanted)) else 0
        body = hub.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}")
        if hub.declares:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body = body[: hub.breaks_after.pop(0)] if hub.breaks_after else body
        for at in range(0, len(body), 20_000):
            hub.on_block()
            self.wfile.write(body[at : at + 20_000])

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(transfer, "PAUSE", 0.01)
    with Hub() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


class Heard:
    """What a watcher was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done: list[int] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def at(self, done: int) -> None:
        self.done.append(done)


def tiny(*sources: Source) -> CatalogModel:
    return CatalogModel(
        name="tiny",
        title="Tiny",
        file="tiny.gguf",
        licence="Apache-2.0",
        licence_url="https://example.test",
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        sources=sources or (HubFile("some/repository", "tiny.gguf"),),
        context=1024,
    )


def pulled(hub: Hub, home: Path, *sources: Source, heard: Heard | None = None) -> Path:
    environment = {**os.environ, "HF_ENDPOINT": hub.url}
    return pull(tiny(*sources), home, heard or Heard(), environment=environment).path


def test_a_model_is_fetched_checked_and_found(hub: Hub, tmp_path: Path) -> None:
    heard = Heard()
    path = pulled(hub, tmp_path, heard=heard)
    assert path.read_bytes() == CONTENT
    assert path_of("tiny", tmp_path) == path
    assert heard.done[0] == 0
    assert heard.done[-1] == len(CONTENT)
    assert [file.name for file in path.parent.iterdir() if file.suffix == ".part"] == []


def test_a_model_that_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    assert pulled(hub, tmp_path) == pulled(hub, tmp_path)
    assert len(hub.asked) == 1


def test_a_hub_that_dies_in_mid_stream_is_asked_for_the_rest(hub: Hub, tmp_path: Path) -> None:
    hub.breaks_after = [120_000, 60_000]
    assert pulled(hub, tmp_path).read_bytes() == CONTENT
    assert hub.asked == ["", "bytes=120000-", "bytes=180000-"]


def test_the_next_pull_continues_what_a_failed_one_left(hub: Hub, tmp_path: Path) -> None:
    hub.breaks_after = [120_000, *[0] * 10]
    with pytest.raises(Unavailable, match=r"ends before|broke off|cannot be reached") as raised:
        pulled(hub, tmp_path)
    assert "lyceum models pull tiny" in raised.value.next_step
    assert part_of(tiny(), tmp_path).stat().st_size == 120_000
    hub.breaks_after.clear()
    hub.asked.clear()
    assert pulled(hub, tmp_path).read_bytes() == CONTENT
    assert hub.asked == ["bytes=120000-"]


def test_a_hub_that_knows_no_ranges_begins_again_cleanly(hub: Hub, tmp_path: Path) -> None:
    hub.knows_ranges = False
    hub.breaks_after = [120_000]
    assert pulled(hub, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"!", b"GGUF" * 20], ids=["one byte differs", "another size"])
@pytest.mark.parametrize("declares", [True, False], ids=["with its length", "without"])
def test_a_wrong_file_is_deleted_and_the_reason_told(hub: Hub, tmp_path: Path, content: bytes, declares: bool) -> None:
    hub.content, hub.declares = content, declares
    with pytest.raises(Unavailable, match=r"SHA-256|bytes|ends before") as raised:
        pulled(hub, tmp_path)
    assert "some/repository" in raised.value.message
    assert path_of("tiny", tmp_path) is None


def test_a_file_that_never_ends_is_cut_off(hub: Hub, tmp_path: Path) -> None:
    hub.content, hub.declares = CONTENT * 3, False
    with pytest.raises(Unavailable, match="more than"):
        pulled(hub, tmp_path)
    assert part_of(tiny(), tmp_path).stat().st_size <= len(CONTENT)


def test_a_log_in_page_instead_of_the_file_costs_nothing_of_what_is_there(hub: Hub, tmp_path: Path) -> None:
    part = part_of(tiny(), tmp_path)
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:50_000])
    hub.content, hub.knows_ranges, hub.declares = b"<html>please log in</html>", False, False
    with pytest.raises(Unavailable, match="no GGUF"):
        pulled(hub, tmp_path)
    assert part.read_bytes() == CONTENT[:50_000]


def test_foreign_bytes_of_an_earlier_try_are_given_up_for_a_sound_file(hub: Hub, tmp_path: Path) -> None:
    part = part_of(tiny(), tmp_path)
    part.parent.mkdir(parents=True)
    part.write_bytes(b"GGUF" + b"?" * 50_000)
    assert pulled(hub, tmp_path).read_bytes() == CONTENT
    assert hub.asked == ["bytes=50004-", ""]


def test_a_truncated_model_is_mended_by_fetching_only_its_end(hub: Hub, tmp_path: Path) -> None:
    path = pulled(hub, tmp_path)
    path.write_bytes(CONTENT[:200_000])
    with pytest.raises(LyceumError, match="damaged"):
        path_of("tiny", tmp_path)
    assert pulled(hub, tmp_path).read_bytes() == CONTENT
    assert hub.asked[-1] == "bytes=200000-"


def test_a_finished_file_whose_manifest_is_lost_is_only_checked(hub: Hub, tmp_path: Path) -> None:
    path = pulled(hub, tmp_path)
    path.with_name("manifest.json").unlink()
    assert pulled(hub, tmp_path) == path
    assert len(hub.asked) == 1


def test_a_full_disk_is_told_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="are free") as raised:
        pull(tiny(), tmp_path, Heard(), environment={"HF_ENDPOINT": hub.url}, free=lambda _folder: 1_000_000)
    assert "LYCEUM_HOME" in raised.value.next_step
    assert hub.asked == []


def test_a_home_that_cannot_be_written_is_told(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(OperatorError, match="cannot be written") as raised:
        pulled(hub, tmp_path)
    assert "LYCEUM_HOME" in raised.value.next_step


def test_control_c_keeps_what_has_arrived_and_says_how_to_continue(hub: Hub, tmp_path: Path) -> None:
    class Impatient(Heard):
        def at(self, done: int) -> None:
            if done > 100_000:
                raise KeyboardInterrupt

    with pytest.raises(Cancelled) as raised:
        pulled(hub, tmp_path, heard=Impatient())
    assert "lyceum models pull tiny" in raised.value.next_step
    assert part_of(tiny(), tmp_path).stat().st_size > 100_000
    assert pulled(hub, tmp_path).read_bytes() == CONTENT
    assert hub.asked[1].startswith("bytes=1")


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_refusal_is_told_with_its_code(hub: Hub, tmp_path: Path, status: int) -> None:
    hub.status = status
    with pytest.raises(Unavailable, match=f"HTTP {status}"):
        pulled(hub, tmp_path)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "no address", "http://[", "ftp://127.0.0.1"])
def test_a_hub_that_cannot_be_reached_is_told_without_its_address(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(Unavailable, match="cannot be") as raised:
        pull(tiny(), tmp_path, Heard(), environment={"HF_ENDPOINT": endpoint})
    assert endpoint not in str(raised.value)


PULL_TINY = """
import os, sys
from pathlib import Path
from models.catalog import CatalogModel, HubFile
from models.local.pull import pull

class Told:
    def say(self, line): print(line, flush=True)
    def at(self, done): pass

home, sha256, size = sys.argv[1:]
sources = (HubFile("some/repository", "tiny.gguf"),)
print(pull(CatalogModel("tiny", "Tiny", "tiny.gguf", "-", "-", int(size), sha256, sources, 1024), Path(home), Told()).path)
"""


def test_two_processes_at_once_fetch_it_once(hub: Hub, tmp_path: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()
    hub.on_block = lambda: (asked.set(), go_on.wait(60))
    command = [sys.executable, "-c", PULL_TINY, str(tmp_path), tiny().sha256, str(len(CONTENT))]
    environment = {**os.environ, "HF_ENDPOINT": hub.url}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as first:
        assert asked.wait(60)
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout is not None
            assert "waiting" in second.stdout.readline()
            go_on.set()
            for process in (first, second):
                told, _ = process.communicate(timeout=60)
                assert told.splitlines()[-1] == str(tmp_path / "models" / "tiny" / "tiny.gguf")
    assert len(hub.asked) == 1
