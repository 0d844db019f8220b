"""One file that Claude Desktop and other hosts of MCP bundles install with a click, and its card for a registry.

A bundle (manifest 0.4, type `uv`) holds our sources and says what they need, each in the version of our lock file; the
host brings uv, which makes the environment. Nothing is installed when the bundle is made.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lyceum import __version__
from lyceum.errors import OperatorError, UserError
from mcp_servers.catalogue import cards

ROOT = Path(__file__).parents[2]
PACKAGES = ("lyceum", "models", "memory", "agents", "workflows", "evals", "mcp_servers", "app")
LOCK = "requirements/base.lock"
ENTRY = "server.py"
_SERVE = """\
import sys

from app.cli import main

sys.exit(main(["mcp", "serve", *sys.argv[1:]]))
"""
_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the same sources make the same bytes


def manifest() -> dict[str, Any]:
    """Return what a host reads of the bundle."""
    return {
        "manifest_version": "0.4",
        "name": "lyceum",
        "display_name": "Lyceum",
        "version": __version__,
        "description": "Typed tools for language-model engineering: documents, tables, code, course, memory.",
        "long_description": "\n".join(f"{name}: {card}" for name, card in cards().items()),
        "author": {"name": "Lyceum"},
        "license": "Apache-2.0",
        "server": {
            "type": "uv",
            "entry_point": ENTRY,
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", ENTRY, "--toolsets", "${user_config.toolsets}"],
            },
        },
        "tools_generated": True,
        "prompts_generated": True,
        "keywords": sorted(cards()),
        "compatibility": {"platforms": ["darwin", "linux", "win32"], "runtimes": {"python": ">=3.11,<3.14"}},
        "user_config": {
            "toolsets": {
                "type": "string",
                "title": "Servers",
                "description": f"lean, for a small set; or servers, with commas: {', '.join(cards())}",
                "default": "lean",
                "required": False,
            }
        },
    }


def write_bundle(path: Path) -> str:
    """Write the bundle and return its SHA-256; raises UserError where Lyceum is not a checkout."""
    if not (ROOT / LOCK).is_file():
        raise UserError("Bundles are made from a checkout.", next_step="Run it in a folder with the sources.")
    parts = {
        "manifest.json": json.dumps(manifest(), indent=2).encode(),
        "pyproject.toml": _project().encode(),
        ENTRY: _SERVE.encode(),
    }
    for name in ("LICENSE", *(str(each.relative_to(ROOT)) for each in _sources())):
        parts[name] = (ROOT / name).read_bytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, content in sorted(parts.items()):
                bundle.writestr(zipfile.ZipInfo(name, _EARLIEST), content, zipfile.ZIP_DEFLATED)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written ({error.strerror}).", next_step="Name another --file.") from None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def own_card() -> dict[str, Any]:
    """Return our `server.json` as it is committed: what is served, under nobody's name, and from nowhere yet.

    `local` is a domain that nobody can own, so a registry takes it only with the name that `registry_card` gives it.
    """
    return {
        "$schema": _SCHEMA,
        "name": "local.lyceum/lyceum",
        "title": "Lyceum",
        "description": "Typed tools for language-model engineering: documents, tables, code, course, memory.",
        "version": __version__,
    }


def registry_card(url: str, sha256: str) -> dict[str, Any]:
    """Return a registry's `server.json` for the bundle at a URL; raises UserError for what is no download address.

    A registry takes a name only from who owns its first part: here the host of the URL, turned round.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or not parts.path.endswith(".mcpb"):
        raise UserError(f"{url!r} is no address of a bundle.", next_step="Send https://HOST/PATH.mcpb.")
    owner = re.fullmatch(r"/([A-Za-z0-9-]+)/.*", parts.path) if parts.hostname == "github.com" else None
    space = f"io.github.{owner[1]}" if owner else ".".join(reversed(parts.hostname.split(".")))
    return {
        **own_card(),
        "name": f"{space}/lyceum",
        "packages": [
            {
                "registryType": "mcpb",
                "identifier": url,
                "version": __version__,
                "fileSha256": sha256,
                "transport": {"type": "stdio"},
            }
        ],
    }


def _project() -> str:
    """Return the bundle's own pyproject.toml: what our sources need, as our lock file has it."""
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / LOCK).read_text(encoding="utf-8").splitlines()
    pins = [line.removesuffix("\\").strip() for line in lines if re.match(r"[A-Za-z0-9]", line)]
    lists = {
        name: json.dumps(values, indent=4) for name, values in own["tool"]["uv"].items() if name.startswith("over")
    }
    metadata = "".join(
        "\n[[tool.uv.dependency-metadata]]\n"
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in each.items())
        for each in own["tool"]["uv"]["dependency-metadata"]
    )
    return (
        f'[project]\nname = "lyceum-bundle"\nversion = "{__version__}"\n'
        f'requires-python = "{own["project"]["requires-python"]}"\n'
        f"dependencies = {json.dumps(own['project']['dependencies'], indent=4)}\n\n[tool.uv]\npackage = false\n"
        + "".join(f"{name} = {values}\n" for name, values in lists.items())
        + f"constraint-dependencies = {json.dumps(pins, indent=4)}\n{metadata}"
    )


def _sources() -> list[Path]:
    """Return the files of our packages that git knows; all of them where there is no git."""
    listed = subprocess.run(  # noqa: S603 - nothing of it comes from outside
        ["git", "-C", str(ROOT), "ls-files", "-z", *PACKAGES],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    names = [name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []
    found = [ROOT / name for name in names] or [path for name in PACKAGES for path in (ROOT / name).rglob("*")]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


if __name__ == "__main__":
    (ROOT / "server.json").write_text(json.dumps(own_card(), indent=2) + "\n", encoding="utf-8")
