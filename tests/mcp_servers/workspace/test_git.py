"""Git is used without running anything that a repository brings along, and the user's branch stays as it is."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from tests.mcp_servers.workspace.conftest import RefusedError, Tool


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def versioned(repository: Path) -> Path:
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "first")
    return repository


async def test_a_commit_goes_to_a_branch_of_its_own_and_nothing_else_moves(tool: Tool, versioned: Path) -> None:
    (versioned / "staged.txt").write_text("staged by the user\n")
    git(versioned, "add", "staged.txt")
    index = (versioned / ".git" / "index").read_bytes()
    head = git(versioned, "rev-parse", "HEAD")
    await tool("edit", edits=[{"path": "src/calc.py", "old": "a - b", "new": "a + b"}])
    await tool("delete", path="test_calc.py")
    made = await tool("git_commit", message="Add adds\n\nIt did not.", branch="lyceum/fix")
    assert git(versioned, "rev-parse", "HEAD") == head
    assert git(versioned, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
    assert (versioned / ".git" / "index").read_bytes() == index
    assert git(versioned, "show", "--name-status", "--format=", "lyceum/fix").split() == [
        "M", "src/calc.py", "D", "test_calc.py",
    ]  # fmt: skip
    assert (await tool("git_log", branch="lyceum/fix"))["commits"][0]["title"] == "Add adds"
    assert made["files"] == ["src/calc.py", "test_calc.py"]


async def test_the_checked_out_branch_is_the_users_to_commit_on(tool: Tool, versioned: Path) -> None:
    await tool("create", path="new.txt", text="x")
    with pytest.raises(RefusedError, match="checked out"):
        await tool("git_commit", message="m", branch="main")
    git(versioned, "worktree", "add", "-q", str(versioned.parent / "other"), "-b", "elsewhere")
    with pytest.raises(RefusedError, match="checked out"):
        await tool("git_commit", message="m", branch="elsewhere")


BRANCHES = ["--upload-pack=x", "-d", "a..b", "a b", "refs/../x", "HEAD", "x.lock", "a~1", "@{-1}", "$(touch x)", ""]


async def test_no_argument_of_ours_becomes_an_option_of_gits(tool: Tool, versioned: Path) -> None:
    await tool("create", path="new.txt", text="x")
    for branch in BRANCHES:
        with pytest.raises(RefusedError):
            await tool("git_commit", message="m", branch=branch)
        if branch != "HEAD":
            with pytest.raises(RefusedError):
                await tool("git_diff", against=branch)
            with pytest.raises(RefusedError):
                await tool("git_log", branch=branch)
    assert git(versioned, "branch", "--list").split() == ["*", "main"]


async def test_a_hostile_repository_runs_nothing(tool: Tool, versioned: Path) -> None:
    trap = versioned.parent / "sprung"
    spring = f"touch {trap}"
    for hook in ("pre-commit", "post-commit", "post-index-change", "reference-transaction", "commit-msg"):
        path = versioned / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\n{spring}\n")
        path.chmod(0o755)
    included = versioned / ".git" / "more"
    included.write_text(f'[filter "two"]\n\tclean = {spring}; cat\n\trequired = true\n')
    keys = {
        "core.fsmonitor": spring, "core.pager": spring, "core.editor": spring, "diff.external": spring,
        "core.sshCommand": spring, "filter.one.clean": f"{spring}; cat", "filter.one.smudge": f"{spring}; cat",
        "filter.one.process": spring, "filter.one.required": "true", "diff.one.textconv": spring,
        "diff.one.command": spring,
        "alias.status": f"!{spring}", "alias.diff": f"!{spring}", "gpg.program": spring, "commit.gpgSign": "true",
        "interactive.diffFilter": spring, "include.path": str(included), "merge.one.driver": spring,
        "core.hooksPath": str(versioned / ".git" / "hooks"), "core.worktree": str(versioned.parent),
        "credential.helper": f"!{spring}", "log.showSignature": "true", "trailer.x.command": spring,
    }  # fmt: skip
    for key, value in keys.items():
        git(versioned.parent, "config", "-f", str(versioned / ".git" / "config"), key, value)
    (versioned / ".gitattributes").write_text("*.py filter=one diff=one merge=one\n*.txt filter=two\n")
    await tool("edit", edits=[{"path": "src/calc.py", "old": "a - b", "new": "a + b"}])
    await tool("create", path="new.txt", text="x")
    status = await tool("git_status")
    assert {entry["path"] for entry in status["files"]} == {".gitattributes", "new.txt", "src/calc.py"}
    assert "+    return a + b" in (await tool("git_diff"))["diff"]
    assert (await tool("git_log"))["commits"][0]["title"] == "first"
    await tool("git_commit", message="m", branch="lyceum/fix")
    assert not trap.exists()
    with contextlib.suppress(subprocess.CalledProcessError):
        git(versioned, "status")
    assert trap.exists(), "the trap works on whoever steps into it"


async def test_a_diff_leaves_out_what_may_hold_secrets(tool: Tool, versioned: Path) -> None:
    (versioned / ".env").write_text("TOKEN=old\n")
    git(versioned, "add", "-f", ".env")
    git(versioned, "commit", "-q", "-m", "oops")
    (versioned / ".env").write_text("TOKEN=hunter2\n")
    shown = await tool("git_diff")
    assert shown == {"diff": "", "left_out": [".env"]}


async def test_a_folder_without_git_says_so(tool: Tool) -> None:
    with pytest.raises(RefusedError, match="no git repository"):
        await tool("git_status")


@pytest.mark.parametrize("way", ["commondir", "alternates", "links"])
async def test_a_git_folder_shows_nothing_of_another_repository(
    tool: Tool, versioned: Path, tmp_path: Path, way: str
) -> None:
    other, inner = tmp_path / "other", versioned / ".git"
    other.mkdir()
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "hunter2")
    if way == "commondir":
        (inner / "commondir").write_text(str(other / ".git"))
    elif way == "alternates":
        (inner / "objects" / "info").mkdir(exist_ok=True)
        (inner / "objects" / "info" / "alternates").write_text(str(other / ".git" / "objects"))
    else:
        (inner / "refs" / "heads" / "theirs").symlink_to(other / ".git" / "refs" / "heads")
    with pytest.raises(RefusedError, match="another folder") as refused:
        await tool("git_log")
    assert "hunter2" not in str(refused.value)
