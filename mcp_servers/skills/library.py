"""The skills of this folder: their files, what stands at the head of each, and digests of the raw bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
HEAD_FILE = "SKILL.md"


@dataclass(frozen=True)
class SkillFile:
    uri: str
    path: Path

    @cached_property
    def content(self) -> bytes:
        return self.path.read_bytes()

    @property
    def triple(self) -> dict[str, Any]:
        """Return address, digest and size, as the extension lists a file."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {"uri": self.uri, "digest": f"sha256:{digest}", "size": len(self.content)}


@dataclass(frozen=True)
class Skill:
    """`root` is the address of its folder."""

    folder: Path

    @property
    def root(self) -> str:
        return f"skill://{self.folder.name}"

    @property
    def uri(self) -> str:
        return f"{self.root}/{HEAD_FILE}"

    @cached_property
    def files(self) -> Sequence[SkillFile]:
        return [SkillFile(self.address(path), path) for path in sorted(self.folder.rglob("*.md"))]

    def address(self, path: Path) -> str:
        return "/".join([self.root, *path.relative_to(self.folder).parts])

    @cached_property
    def frontmatter(self) -> dict[str, Any]:
        text = (self.folder / HEAD_FILE).read_text(encoding="utf-8")
        return yaml.safe_load(text.split("---\n", 2)[1])

    @property
    def servers(self) -> set[str]:
        """The tool servers without which the skill is of no use."""
        return {tool.partition("_")[0] for tool in str(self.frontmatter.get("allowed-tools", "")).split()}

    def entry(self) -> dict[str, Any]:
        return {
            "uri": self.uri,
            "frontmatter": self.frontmatter,
            "resources": [file.triple for file in self.files],
        }

    def folders(self) -> Iterator[tuple[str, Path]]:
        """Yield the addresses of the skill's own folder and of those in it."""
        yield self.root, self.folder
        for path in sorted(self.folder.rglob("*")):
            if path.is_dir():
                yield self.address(path), path


def skills(servers: Sequence[str] | None = None) -> list[Skill]:
    """Return the skills that these servers are enough for; None: all skills."""
    found = [Skill(path.parent) for path in sorted(FOLDER.glob(f"*/{HEAD_FILE}"))]
    return [skill for skill in found if servers is None or skill.servers <= set(servers)]
