"""Where pulled models lie: a sound file is found at once, a damaged one is told, a moved home still works."""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lyceum.errors import UserError
from models.local.store import Installed, installed, path_of, record, remove

CONTENT = b"GGUF" + bytes(range(256)) * 8


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one pulled model, "tiny"."""
    folder = tmp_path / "home" / "models" / "tiny"
    folder.mkdir(parents=True)
    path = folder / "tiny.gguf"
    path.write_bytes(CONTENT)
    record(path, hashlib.sha256(CONTENT).hexdigest(), "a test", datetime.now(UTC))
    return tmp_path / "home"


def file_of(home: Path) -> Path:
    return home / "models" / "tiny" / "tiny.gguf"


def only(home: Path) -> Installed:
    (found,) = installed(home)
    return found


def test_a_pulled_model_is_found_by_its_name(home: Path) -> None:
    assert path_of("tiny", home) == file_of(home)
    assert only(home).manifest.source == "a test"


@pytest.mark.parametrize("name", ["other", "..", "../models/tiny", "", "."])
def test_what_was_not_pulled_is_none(home: Path, name: str) -> None:
    assert path_of(name, home) is None


def test_an_empty_home_has_no_models(tmp_path: Path) -> None:
    assert installed(tmp_path) == []
    assert path_of("tiny", tmp_path) is None


def damage(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CONTENT[:100], "100 bytes"),
        (b"<html" + CONTENT[5:], "no GGUF"),
        (CONTENT[:-1] + b"!", "SHA-256"),
    ],
    ids=["truncated", "another kind of file", "one byte changed"],
)
def test_a_damaged_file_is_refused_with_the_command_that_mends_it(home: Path, content: bytes, said: str) -> None:
    damage(file_of(home), content)
    with pytest.raises(UserError, match=said) as raised:
        path_of("tiny", home)
    assert "lyceum models pull tiny" in raised.value.next_step
    assert said in only(home).problem


def test_a_file_whose_manifest_is_lost_counts_as_not_pulled(home: Path) -> None:
    (home / "models" / "tiny" / "manifest.json").write_text("{")
    assert path_of("tiny", home) is None


def test_a_copied_home_is_read_through_once_and_then_trusted(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(home, copy, copy_function=shutil.copyfile)
    os.utime(file_of(copy), ns=(5, 5))
    assert path_of("tiny", copy) == file_of(copy)
    assert only(copy).manifest.mtime_ns == 5


def test_removing_a_model_says_what_it_set_free(home: Path) -> None:
    assert remove("tiny", home) > len(CONTENT)
    assert path_of("tiny", home) is None
    assert remove("tiny", home) == 0


def test_removing_never_leaves_the_models_folder(home: Path) -> None:
    assert remove("..", home) == 0
    assert remove("../models/tiny", home) == 0
    assert file_of(home).is_file()
