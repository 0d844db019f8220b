"""The habits of the house, checked: short files, no machine's paths, no registry's names."""

from __future__ import annotations

import re
import subprocess
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONG, TOO_LONG = 400, 800


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=True)
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in tracked("*.py")}
    for path, length in lengths.items():
        if length > LONG:
            with warnings.catch_warnings():
                warnings.simplefilter("default")
                warnings.warn(f"{path.relative_to(ROOT)} has {length} lines", stacklevel=1)
    assert not [path for path, length in lengths.items() if length > TOO_LONG]


def test_lock_files_and_sources_name_no_package_registry() -> None:
    hosts = re.compile(r"pypi\.org|files\.pythonhosted|registry\.npmjs|proxy\.golang|repo1?\.maven|crates\.io")
    kinds = (".lock", ".toml", ".py", ".md", ".json", ".yml", ".sh", "")
    texts = {path: path.read_text(encoding="utf-8", errors="ignore") for path in tracked() if path.suffix in kinds}
    named = [path for path, text in texts.items() if path != Path(__file__) and hosts.search(text)]
    assert not named
