"""Git for a repository that may be hostile: its configuration runs nothing, and the checked-out branch stays as it is.

Git is called with fixed arguments, without the user's and the system's configuration. The repository's own is read
first, and every key that is not known to be harmless is overridden with nothing, so that no hook, alias, pager, file
system monitor, filter, diff driver or signing program runs. A commit is made with git's plumbing on an index of its
own: the user's index, files and HEAD are not touched.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lyceum.errors import ModelRetry, OperatorError
from mcp_servers.workspace.root import Held

SECONDS = 20.0
OUTPUT = 400_000
_HARMLESS = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol"
    r"|safecrlf|quotepath|abbrev|sparsecheckout|sparsecheckoutcone|compression)"
    r"|extensions\.(objectformat|partialclone|worktreeconfig)"
    r"|include(if\..*)?\.path"  # what it includes is listed with the rest
    r"|user\.(name|email)|init\.defaultbranch|(remote|branch)\..*|gc\..*|pack\..*|index\.version",
    re.IGNORECASE | re.DOTALL,
)
_OVERRIDDEN = {
    "core.fsmonitor": "false", "core.hooksPath": "/dev/null", "core.pager": "cat", "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null", "core.editor": "false", "core.sshCommand": "false", "core.askPass": "false",
    "commit.gpgSign": "false", "log.showSignature": "false", "diff.external": "", "color.ui": "false",
    "safe.directory": "*", "gc.auto": "0", "maintenance.auto": "false", "protocol.allow": "never",
    "core.quotePath": "false", "diff.ignoreSubmodules": "all", "submodule.recurse": "false",
}  # fmt: skip
_BRANCH = re.compile(r"(?!.*(\.\.|//|@\{|\.lock(/|$)))[A-Za-z0-9_][A-Za-z0-9._/-]{0,100}(?<![./])")
_BASE = {
    "LANG": "C.UTF-8", "HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat",
    "GIT_EDITOR": "false", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none",
    "GIT_LITERAL_PATHSPECS": "1", "GIT_ATTR_NOSYSTEM": "1", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_ASKPASS": "false",
}  # fmt: skip


def _leads_elsewhere(folder: Path) -> bool:
    """Tell whether something in a .git folder shows what another repository holds."""
    if any((folder / name).exists() for name in ("commondir", "objects/info/alternates")):
        return True
    waiting = [folder / name for name in ("HEAD", "packed-refs", "refs", "objects")]
    while waiting:
        here = waiting.pop()
        if here.is_symlink():
            return True
        if here.is_dir():
            with os.scandir(here) as found:
                waiting += [Path(each.path) for each in found if not each.is_file(follow_symlinks=False)]
    return False


class Git:
    def __init__(self, root: Path) -> None:
        program = shutil.which("git")
        if program is None:
            raise OperatorError("git is not installed.", next_step="Install it (Debian: apt-get install git).")
        folder = root / ".git"
        if folder.is_symlink() or not folder.is_dir():
            raise ModelRetry(
                "The workspace is no git repository of its own (it has no .git folder).",
                next_step="Work without git, or ask the user to run `git init`.",
            )
        if _leads_elsewhere(folder):
            raise ModelRetry(
                "The .git folder takes its commits or branches from another folder (a link, commondir or alternates).",
                next_step="Ask the user for a plain clone: git clone --no-local FOLDER.",
            )
        self._root = root
        self._command = [program, "--no-pager", f"--git-dir={folder}", f"--work-tree={root}"]
        self._settings = dict(_OVERRIDDEN)
        known = {key.casefold() for key in _OVERRIDDEN}
        for key in self.run("config", "--includes", "--list", "--name-only", "-z").split("\0"):
            if key and key.casefold() not in known and not _HARMLESS.fullmatch(key):
                self._settings[key] = "false" if key.casefold().endswith(".required") else ""

    def run(self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        """Run git with arguments of ours; raises ModelRetry with its first words where it fails."""
        settings: dict[str, str] = {"GIT_CONFIG_COUNT": str(len(self._settings))}
        for number, (key, value) in enumerate(self._settings.items()):
            settings |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        try:
            done = subprocess.run(  # noqa: S603 - a list without a shell
                [*self._command, *arguments],
                cwd=self._root,
                input=given,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                env={"PATH": "/usr/bin:/bin:/usr/local/bin", **_BASE, **settings, **(environment or {})},
            )
        except subprocess.TimeoutExpired:
            raise ModelRetry("git took too long.", next_step="Ask for less, such as one path.") from None
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it failed"]
            raise ModelRetry(f"git {arguments[0]}: {words[0][:200]}", next_step="See workspace_git_status.")
        return done.stdout[:OUTPUT].decode("utf-8", "replace")

    def branch(self) -> str:
        """Return the branch that is checked out, or an empty string."""
        try:
            return self.run("symbolic-ref", "--short", "-q", "HEAD").strip()
        except ModelRetry:
            return ""

    def status(self) -> list[tuple[str, str]]:
        """Return the two-letter state and path of every file that differs from HEAD."""
        given = self.run("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all")
        return [(each[:2], each[3:]) for each in given.split("\0") if each]

    def diff(self, paths: Sequence[str], against: str) -> str:
        """Return the difference of these files between a commit, "HEAD" or a branch, and the working tree."""
        if not paths:
            return ""
        return self.run(
            "diff",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
            self.commit_of(against),
            "--",
            *paths,
        )

    def changed(self, against: str) -> list[str]:
        given = self.run(
            "diff", "--name-only", "-z", "--no-ext-diff", "--no-textconv", "--no-renames", self.commit_of(against), "--"
        )
        return [path for path in given.split("\0") if path]

    def log(self, most: int, branch: str) -> list[tuple[str, str, str, str]]:
        """Return the hash, date, author and first line of commits, newest first."""
        shape = "--format=%h%x00%aI%x00%an%x00%s"
        given = self.run(
            "log", "--no-color", "--no-show-signature", f"--max-count={most}", shape, self.commit_of(branch), "--"
        )
        return [
            (each[0], each[1], each[2], each[3]) for line in given.splitlines() if len(each := line.split("\0")) == 4
        ]

    def commit_of(self, name: str) -> str:
        """Return the hash of a branch's commit; nothing else that git would understand is taken."""
        if name == "HEAD" or re.fullmatch(r"[0-9a-f]{7,40}", name):
            wanted = f"{name}^{{commit}}"
        elif _BRANCH.fullmatch(name):
            wanted = f"refs/heads/{name}^{{commit}}"
        else:
            raise ModelRetry(f"{name[:80]!r} is no branch.", next_step="Send HEAD, a branch or a commit's hash.")
        try:
            return self.run("rev-parse", "--verify", "--quiet", "--end-of-options", wanted).strip()
        except ModelRetry:
            raise ModelRetry(f"There is no commit {name[:80]!r}.", next_step="See workspace_git_log.") from None

    def commit(self, branch: str, message: str, files: Mapping[str, Held | None]) -> str:
        """Commit these files (None: deleted) on a branch that nobody has checked out; returns the commit's hash.

        A branch that does not exist starts at HEAD.
        """
        if not _BRANCH.fullmatch(branch) or branch.upper() == "HEAD":
            raise ModelRetry(f"{branch[:80]!r} is no branch name.", next_step="Send letters, digits, - and /.")
        taken = re.findall(r"^branch refs/heads/(.*)$", self.run("worktree", "list", "--porcelain"), re.MULTILINE)
        if branch in (self.branch(), *taken):
            raise ModelRetry(
                f"{branch} is checked out, and is the user's to commit on.",
                next_step="Commit on another branch, such as lyceum/fix; the user merges it.",
            )
        try:
            parent = self.commit_of(branch)
            old = parent
        except ModelRetry:
            parent, old = self._head(), "0" * 40
        with tempfile.TemporaryDirectory(prefix="lyceum-git-") as folder:
            own = {"GIT_INDEX_FILE": f"{folder}/index"}
            if parent:
                self.run("read-tree", parent, environment=own)
            lines: list[str] = []
            for path, held in files.items():
                if held is None:
                    lines.append(f"0 {'0' * 40}\t{path}\0")
                    continue
                blob = self.run(
                    "hash-object", "-w", "--stdin", f"--path={path}", given=held.data, environment=own
                ).strip()
                lines.append(f"{'100755' if held.mode & 0o100 else '100644'} {blob}\t{path}\0")
            self.run("update-index", "-z", "--index-info", given="".join(lines).encode(), environment=own)
            tree = self.run("write-tree", environment=own).strip()
        if parent and tree == self.run("rev-parse", "--verify", f"{parent}^{{tree}}").strip():
            raise ModelRetry("There is nothing to commit.", next_step="Change a file first.")
        parents = ["-p", parent] if parent else []
        made = self.run(
            "commit-tree", tree, *parents, "-F", "-", given=message.encode(), environment=self._identity()
        ).strip()
        self.run("update-ref", "-m", "commit by Lyceum", "--no-deref", f"refs/heads/{branch}", made, old)
        return made

    def _head(self) -> str:
        try:
            return self.commit_of("HEAD")
        except ModelRetry:  # no commit yet
            return ""

    def _identity(self) -> dict[str, str]:
        """Commit as whom the repository names, else as ourselves."""
        found: dict[str, str] = {}
        for key, fallback in (("name", "Lyceum"), ("email", "lyceum@localhost")):
            try:
                value = self.run("config", "--get", f"user.{key}").strip() or fallback
            except ModelRetry:
                value = fallback
            found |= {f"GIT_AUTHOR_{key.upper()}": value, f"GIT_COMMITTER_{key.upper()}": value}
        return found
