"""`skills/list`, `skills/get`, `resources/directory/read`, and every file of a skill as a resource."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding, ResourceBinding
from mcp.server.mcpserver.resources import TextResource
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, PaginatedRequestParams

from mcp_servers.skills.library import HEAD_FILE, Skill, SkillFile

MARKDOWN = "text/markdown"
FOLDER = "inode/directory"
# The files change only with a release.
_CACHED = {"ttlMs": 3_600_000, "cacheScope": "public"}


class AddressParams(PaginatedRequestParams):
    uri: str


class Skills(Extension):
    """These skills, as they are in this release."""

    identifier = "io.modelcontextprotocol/skills"

    def __init__(self, skills: Sequence[Skill]) -> None:
        self._skills = {skill.uri: skill for skill in skills}
        self._folders = {uri: (skill, path) for skill in skills for uri, path in skill.folders()}

    def settings(self) -> dict[str, Any]:
        return {"directoryRead": True}

    def resources(self) -> Sequence[ResourceBinding]:
        return [_resource(skill, file) for skill in self._skills.values() for file in skill.files]

    def methods(self) -> Sequence[MethodBinding]:
        return [
            MethodBinding("skills/list", PaginatedRequestParams, self._list),
            MethodBinding("skills/get", AddressParams, self._get),
            MethodBinding("resources/directory/read", AddressParams, self._read_folder),
        ]

    async def _list(self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams) -> HandlerResult:
        return {"skills": [skill.entry() for skill in self._skills.values()], **_CACHED}

    async def _get(self, ctx: ServerRequestContext[Any, Any], params: AddressParams) -> HandlerResult:
        if params.uri not in self._skills:
            raise _unknown("skill", params.uri)
        return {"skill": self._skills[params.uri].entry(), **_CACHED}

    async def _read_folder(self, ctx: ServerRequestContext[Any, Any], params: AddressParams) -> HandlerResult:
        if params.uri.rstrip("/") not in self._folders:
            raise _unknown("folder", params.uri)
        skill, folder = self._folders[params.uri.rstrip("/")]
        return {"resources": [_child(skill, path) for path in sorted(folder.iterdir())], **_CACHED}


def _resource(skill: Skill, file: SkillFile) -> ResourceBinding:
    head = file.path.name == HEAD_FILE
    return ResourceBinding(
        TextResource(
            uri=file.uri,
            name=skill.frontmatter["name"] if head else file.path.name,
            description=skill.frontmatter["description"] if head else f"Belongs to {skill.frontmatter['name']}.",
            mime_type=MARKDOWN,
            text=file.content.decode(),
        )
    )


def _child(skill: Skill, path: Path) -> dict[str, Any]:
    kind = FOLDER if path.is_dir() else MARKDOWN
    return {"uri": skill.address(path), "name": path.name, "mimeType": kind}


def _unknown(what: str, uri: str) -> MCPError:
    return MCPError(
        code=INVALID_PARAMS, message=f"There is no such {what}; `skills/list` names them.", data={"uri": uri}
    )
