"""A folder that nothing leaves: each step of a path is opened from the last one and no link is followed.

Files are replaced by an atomic exchange whose other half is then checked, so that what somebody saved in the
meantime is put back rather than lost.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import stat
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lyceum.errors import ModelRetry, OperatorError
from mcp_servers.workspace.paths import is_private_key, parts_of

MOST_BYTES = 32 * 1024 * 1024  # of a file that can be changed
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOREPLACE, _EXCHANGE = 1, 2


@dataclass(frozen=True)
class Held:
    """A file as it was found: its bytes and its permission bits."""

    data: bytes
    mode: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Entry:
    """One name in a folder: `kind` is file, folder, link or other."""

    name: str
    kind: str
    size: int
    links: int = 1


class ChangedMeanwhileError(ModelRetry):
    """A file is no longer what the change was made for."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} was changed meanwhile.", next_step="Read it again, then repeat the change.")


class Root:
    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def folder(self, parts: Sequence[str], *, made: list[str] | None = None) -> Generator[int]:
        """Open a folder step by step; missing ones are made, and named in `made`, where that is given."""
        try:
            here = os.open(self.path, _FOLDER)
        except OSError as error:
            raise OperatorError(
                f"The workspace {self.path.name} cannot be opened ({error.strerror}).", next_step="Attach it again."
            ) from None
        try:
            for depth, part in enumerate(parts, 1):
                shown = "/".join(parts[:depth])
                if made is not None:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=here)
                        made.append(shown)
                try:
                    inner = os.open(part, _FOLDER, dir_fd=here)
                except OSError as error:
                    raise _refusal(shown, error, part, here) from None
                os.close(here)
                here = inner
            yield here
        finally:
            os.close(here)

    def entries(self, parts: Sequence[str]) -> list[Entry]:
        """List one folder by name."""
        found: list[Entry] = []
        with self.folder(parts) as here, os.scandir(here) as listed:
            for each in listed:
                try:
                    seen = each.stat(follow_symlinks=False)
                except OSError:  # gone again
                    continue
                found.append(Entry(each.name, _kind(seen.st_mode), seen.st_size, seen.st_nlink))
        return sorted(found, key=lambda entry: entry.name)

    def read(self, path: str, *, most: int = MOST_BYTES) -> Held:
        """Return a regular file that has no second name; raises ModelRetry that says what is in the way."""
        *parents, name = parts_of(path) or ("",)
        with self.folder(parents) as here:
            return self._read(here, name, path, most)

    def look(self, path: str) -> Held | None:
        """Return a file, or None where there is none."""
        *parents, name = parts_of(path) or ("",)
        try:
            with self.folder(parents) as here:
                os.stat(name or ".", dir_fd=here, follow_symlinks=False)
                return self._read(here, name, path, MOST_BYTES)
        except (FileNotFoundError, _MissingError):
            return None

    def _read(self, here: int, name: str, path: str, most: int) -> Held:
        try:
            descriptor = os.open(name or ".", _FILE, dir_fd=here)
        except OSError as error:
            raise _refusal(path, error, name, here) from None
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            os.close(descriptor)
            raise ModelRetry(f"{path or '.'} is a {_kind(seen.st_mode)}.", next_step="Send the path of a file.")
        with os.fdopen(descriptor, "rb") as file:
            if seen.st_nlink > 1:
                raise ModelRetry(
                    f"{path} has another name (a hard link), which may be outside the workspace.",
                    next_step="Ask the user to copy it in place.",
                )
            data = file.read(most + 1)
            if len(data) > most:
                raise ModelRetry(f"{path} has more than {most} bytes.", next_step="Leave it, or ask the user.")
            if is_private_key(data):
                raise ModelRetry(f"{path} holds a private key and is not opened.", next_step="Ask the user.")
            return Held(data, stat.S_IMODE(seen.st_mode))

    def swap(self, path: str, before: Held | None, after: Held | None, temporary: str, made: list[str]) -> None:
        """Turn `before` into `after` (None: no file) at once; raises ChangedMeanwhileError and changes nothing else.

        `temporary` is the name, in the same folder, of what is not whole yet.
        """
        *parents, name = parts_of(path)
        with self.folder(parents, made=made if after is not None else None) as here:
            if after is None:
                _rename(here, name, temporary, _NOREPLACE, path)
            else:
                self._write(here, temporary, after, name if before is not None else None)
                flags = _NOREPLACE if before is None else _EXCHANGE
                try:
                    _rename(here, temporary, name, flags, path)
                except BaseException:
                    os.unlink(temporary, dir_fd=here)
                    raise
            if before is not None:
                self._let_go(here, name, temporary, before, after, path)
            os.fsync(here)

    def _let_go(self, here: int, name: str, temporary: str, before: Held, after: Held | None, path: str) -> None:
        """Remove what was replaced; where it is not `before`, somebody saved it meanwhile, and it is given back."""
        kept = self._kept(here, temporary, path)
        if kept == before:
            os.unlink(temporary, dir_fd=here)
            return
        if after is None:
            _rename(here, temporary, name, _NOREPLACE, path)
        else:
            ours: Held | None = after
            while True:  # until what comes back is what was put there: a second save must not be lost either
                _rename(here, temporary, name, _EXCHANGE, path)
                back = self._kept(here, temporary, path)
                if back == ours:
                    break
                ours, kept = kept, back
            os.unlink(temporary, dir_fd=here)
        raise ChangedMeanwhileError(path)

    def _kept(self, here: int, temporary: str, path: str) -> Held | None:
        try:
            return self._read(here, temporary, path, MOST_BYTES)
        except ModelRetry:
            return None

    def _write(self, here: int, temporary: str, after: Held, like: str | None) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=here), "wb") as file:
            file.write(after.data)
            file.flush()
            if os.geteuid() == 0:  # a file that root changes stays its owner's
                owner = os.stat(like or ".", dir_fd=here, follow_symlinks=False)
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fchmod(file.fileno(), after.mode)
            os.fsync(file.fileno())

    def drop(self, path: str, temporary: str, known: Sequence[Held | None]) -> None:
        """Remove a temporary file that an interrupted change left, when it holds nothing but what is kept."""
        *parents, _ = parts_of(path)
        with contextlib.suppress(ModelRetry, OSError), self.folder(parents) as here:
            data = self._read(here, temporary, path, MOST_BYTES).data
            if any(held.data.startswith(data) for held in known if held):  # it may have been half written
                os.unlink(temporary, dir_fd=here)

    def drop_folder(self, path: str) -> None:
        """Remove a folder that is empty."""
        *parents, name = parts_of(path)
        with contextlib.suppress(OSError, ModelRetry), self.folder(parents) as here:
            os.rmdir(name, dir_fd=here)


class _MissingError(ModelRetry):
    pass


def _refusal(shown: str, error: OSError, name: str, here: int) -> ModelRetry:
    """Say why a name could not be opened."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        with contextlib.suppress(OSError):
            if stat.S_ISLNK(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                return ModelRetry(f"{shown} is a symbolic link.", next_step="Links are not followed; name its target.")
        return ModelRetry(f"{shown} is not a folder.", next_step="Check the path with workspace_list.")
    if error.errno == errno.ENOENT:
        return _MissingError(f"There is no {shown}.", next_step="Check the path with workspace_list.")
    return ModelRetry(f"{shown} cannot be opened ({error.strerror}).", next_step="Choose another file.")


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "device or pipe"


def _rename(here: int, old: str, new: str, flags: int, path: str) -> None:
    """Rename without replacing, or exchange; atomic where the system can, checked first where it cannot."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            rename, flags = library.renameatx_np, {_NOREPLACE: 4, _EXCHANGE: 2}[flags]
        else:
            rename = library.renameat2
        done = rename(here, os.fsencode(old), here, os.fsencode(new), flags)
        failure = 0 if done == 0 else ctypes.get_errno()
    except AttributeError:
        failure = errno.ENOSYS
    if failure in (errno.ENOSYS, errno.EINVAL):
        raise OperatorError(
            "This file system cannot exchange files atomically.",
            next_step="Copy the repository to a local Linux file system (ext4, xfs, btrfs, tmpfs).",
        )
    if failure in (errno.EEXIST, errno.ENOENT):
        raise ChangedMeanwhileError(path)
    if failure:
        raise ModelRetry(f"{path} cannot be written ({os.strerror(failure)}).", next_step="Choose another file.")
