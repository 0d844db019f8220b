"""Nothing outside the root can be read or written, whatever path, link or race is tried; secrets stay closed."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from lyceum.errors import LyceumError, UserError
from mcp_servers.workspace.paths import is_secret
from mcp_servers.workspace.root import Root
from mcp_servers.workspace.roots import grant
from tests.mcp_servers.workspace.conftest import RefusedError, Tool

OUTSIDE = ["../outside.txt", "/etc/passwd", "~/x", "src/../../outside.txt", "a\0b", "src/\nx", "C:\\x", "x" * 2000]


async def test_a_path_that_leaves_the_root_is_refused_by_every_tool(tool: Tool, repository: Path) -> None:
    (repository.parent / "outside.txt").write_text("secret of the host")
    for path in OUTSIDE:
        for name, arguments in [
            ("read", {"path": path}),
            ("create", {"path": path, "text": "x"}),
            ("delete", {"path": path}),
            ("move", {"path": "src/calc.py", "to": path}),
            ("move", {"path": path, "to": "here.txt"}),
            ("edit", {"edits": [{"path": path, "old": "", "new": "x"}]}),
            ("list", {"path": path}),
            ("search", {"text": "secret", "path": path}),
        ]:
            with pytest.raises(RefusedError):
                await tool(name, **arguments)
    assert (repository.parent / "outside.txt").read_text() == "secret of the host"


@pytest.mark.parametrize("place", ["link.txt", "folder/outside.txt"])
async def test_links_are_named_and_not_followed(tool: Tool, repository: Path, place: str) -> None:
    outside = repository.parent / "elsewhere"
    outside.mkdir()
    (outside / "outside.txt").write_text("host")
    (repository / "link.txt").symlink_to(outside / "outside.txt")
    (repository / "folder").symlink_to(outside)
    with pytest.raises(RefusedError, match="symbolic link"):
        await tool("read", path=place)
    for name, arguments in [
        ("edit", {"edits": [{"path": place, "old": "host", "new": "x"}]}),
        ("delete", {"path": place}),
        ("create", {"path": "folder/new.txt", "text": "x"}),
    ]:
        with pytest.raises(RefusedError):
            await tool(name, **arguments)
    assert sorted(path.name for path in outside.iterdir()) == ["outside.txt"]
    assert (outside / "outside.txt").read_text() == "host"
    listed = {entry["path"]: entry["kind"] for entry in (await tool("list"))["entries"]}
    assert listed["folder"] == "link"
    assert (await tool("search", text="host"))["matches"] == []


async def test_a_hard_link_may_be_a_file_from_outside(tool: Tool, repository: Path) -> None:
    (repository.parent / "outside.txt").write_text("host")
    os.link(repository.parent / "outside.txt", repository / "inside.txt")
    with pytest.raises(RefusedError, match="hard link"):
        await tool("read", path="inside.txt")
    with pytest.raises(RefusedError, match="hard link"):
        await tool("edit", edits=[{"path": "inside.txt", "old": "host", "new": "x"}])
    assert (await tool("search", text="host"))["matches"] == []


def test_a_folder_swapped_for_a_link_under_way_leads_nowhere(repository: Path) -> None:
    outside = repository.parent / "elsewhere"
    outside.mkdir()
    (outside / "calc.py").write_text("host")
    (repository / "lure").symlink_to(outside)
    (repository / "spare").mkdir()
    (repository / "spare" / "calc.py").write_text("own")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name in ("lure", "spare"):
                (repository / name).rename(repository / "target")
                (repository / "target").rename(repository / name)

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen: set[bytes] = set()
    try:
        for _ in range(400):
            try:
                seen.add(Root(repository).read("target/calc.py").data)
            except LyceumError:
                continue
    finally:
        stop.set()
        swapping.join()
    assert b"host" not in seen


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        "sub/.GIT/hooks/pre-commit",
        ".git",
        ".g\u200cit/config",
        "GIT~1/config",
        ".git\\config",
        ".git::$X/a",
    ],
)
async def test_what_is_gits_own_is_out_of_reach(tool: Tool, repository: Path, path: str) -> None:
    (repository / ".git").mkdir()
    (repository / ".git" / "config").write_text("[core]\n")
    with pytest.raises(RefusedError, match="belongs to git"):
        await tool("create", path=path, text="x")
    with pytest.raises(RefusedError, match="belongs to git"):
        await tool("read", path=path)


@pytest.mark.parametrize(
    "path",
    [
        ".env", ".env.local", ".envrc", "keys/server.pem", "server.key.bak", "id_rsa", "deploy_rsa", "credentials.json",
        ".ssh/config", ".docker/config.json", "secrets/prod.txt", "prod.kubeconfig", ".bash_history", "passwords.txt",
    ],
)  # fmt: skip
async def test_secrets_are_listed_and_not_opened(tool: Tool, repository: Path, path: str) -> None:
    place = repository / path
    place.parent.mkdir(exist_ok=True)
    place.write_text("TOKEN=hunter2")
    for name, arguments in [
        ("read", {"path": path}),
        ("edit", {"edits": [{"path": path, "old": "TOKEN", "new": "x"}]}),
        ("move", {"path": path, "to": "plain.txt"}),
        ("delete", {"path": path}),
    ]:
        with pytest.raises(RefusedError, match="may hold secrets") as refused:
            await tool(name, **arguments)
        assert "hunter2" not in str(refused.value)
    assert (await tool("search", text="hunter2"))["matches"] == []
    kinds = {entry["path"]: entry["kind"] for entry in (await tool("list"))["entries"]}
    assert kinds[path] == "secret"


async def test_a_private_key_is_not_opened_under_any_name(tool: Tool, repository: Path) -> None:
    (repository / "notes.txt").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n")
    for name, arguments in [("read", {"path": "notes.txt"}), ("move", {"path": "notes.txt", "to": "x.txt"})]:
        with pytest.raises(RefusedError, match="private key"):
            await tool(name, **arguments)
    assert (await tool("search", text="hunter2"))["matches"] == []


async def test_a_list_of_ignored_files_cannot_hold_us_up(tool: Tool, repository: Path) -> None:
    (repository / ("a" * 200)).write_text("x")
    (repository / ".gitignore").write_text("*a" * 40 + "*b\n" + "**/a/" * 20 + "x\n" + "[" * 100 + "\n")
    start = time.monotonic()
    assert len((await tool("list"))["entries"]) == 5
    assert time.monotonic() - start < 5


def test_examples_of_secrets_and_code_about_them_are_no_secrets() -> None:
    assert not [
        path for path in (".env.example", "id_rsa.pub", "src/secrets.py", "docs/credentials.md") if is_secret(path)
    ]


async def test_binary_huge_and_special_files_are_told_apart(tool: Tool, repository: Path) -> None:
    (repository / "picture").write_bytes(b"\x89PNG\0\1\2")
    with (repository / "huge.log").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    os.mkfifo(repository / "pipe")
    with pytest.raises(RefusedError, match="binary"):
        await tool("read", path="picture")
    with pytest.raises(RefusedError, match="more than"):
        await tool("read", path="huge.log")
    with pytest.raises(RefusedError, match="device or pipe"):
        await tool("read", path="pipe")
    with pytest.raises(RefusedError, match="is a folder"):
        await tool("read", path="src")


def test_only_a_folder_that_is_not_too_much_can_be_granted(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="too much"):
        grant(tmp_path / "home", Path("/"))
    with pytest.raises(UserError, match="too much"):
        grant(tmp_path / "home", Path.home())
    with pytest.raises(UserError, match="too much"):
        grant(tmp_path / "home", tmp_path)  # it would hold the product's own state
