"""One server added to a client's file, which stays as it was otherwise: a diff, a backup, written in one step."""

from __future__ import annotations

import difflib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from lyceum.errors import OperatorError, UserError

Form = Literal["json", "yaml"]


@dataclass(frozen=True)
class Change:
    """What a file says now and what it would say; equal where nothing is to be done."""

    path: Path
    before: str | None
    after: str

    @property
    def diff(self) -> str:
        old = (self.before or "").splitlines(keepends=True)
        new = self.after.splitlines(keepends=True)
        return "".join(difflib.unified_diff(old, new, str(self.path), str(self.path)))


def merged(path: Path, keys: Sequence[str], name: str, entry: dict[str, Any], form: Form = "json") -> Change:
    """Return the file with `entry` under `keys` and `name`; raises UserError where it cannot be read."""
    before = _read(path)
    held = _parsed(path, before, form) if before and before.strip() else {}
    place = held
    for key in keys:
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise UserError(f"{path} holds no object under {key!r}.", next_step="Mend it there, then try again.")
        place = cast("dict[str, Any]", inner)
    if place.get(name) == entry:
        return Change(path, before, before or "")
    known = name in place
    place[name] = entry
    if form == "json":
        return Change(path, before, json.dumps(held, indent=_indent(before), ensure_ascii=False) + "\n")
    return Change(path, before, _yaml_with(path, before or "", held, keys[0], name, entry, known=known))


def read_entry(path: Path, keys: Sequence[str], name: str, form: Form = "json") -> dict[str, Any]:
    """Return what a client's file says about a server; raises UserError where it says nothing."""
    text = _read(path)
    place: Any = _parsed(path, text, form) if text and text.strip() else {}
    for key in (*keys, name):
        place = cast("dict[str, Any]", place).get(key) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        raise UserError(
            f"{path} holds no server {name!r}." if text is not None else f"There is no {path}.",
            next_step="`lyceum mcp config CLIENT --write` puts it there.",
        )
    return cast("dict[str, Any]", place)


def write(change: Change) -> Path | None:
    """Write the file in one step and return where the old one was kept, None where there was none."""
    path = change.path.resolve()  # a link to the real file stays one
    kept: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if change.before is not None:
            number = next(n for n in range(1, 10_000) if not path.with_name(f"{path.name}.{n}.bak").exists())
            kept = path.with_name(f"{path.name}.{number}.bak")
            kept.write_bytes(path.read_bytes())
            kept.chmod(path.stat().st_mode & 0o777)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(change.after)
        Path(temporary).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o600)
        Path(temporary).replace(path)
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be written ({error.strerror}).", next_step="Make it writable, or paste the entry by hand."
        ) from None
    return kept


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}).", next_step="Mend it, then try again.") from None


def _parsed(path: Path, text: str, form: Form) -> dict[str, Any]:
    try:
        held = json.loads(text) if form == "json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        where = (
            f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else str(error).splitlines()[-1].strip()
        )
        raise UserError(
            f"{path} is no plain {form.upper()} ({where}), so nothing was changed.",
            next_step="Comments would be lost: add the entry by hand, `lyceum mcp config json` prints it.",
        ) from None
    if not isinstance(held, dict):
        raise UserError(f"{path} holds no object.", next_step="Mend it, then try again.")
    return cast("dict[str, Any]", held)


def _indent(text: str | None) -> int | str:
    """Keep the file's own indentation; two blanks where it has none."""
    for line in (text or "").splitlines():
        blank = line[: len(line) - len(line.lstrip())]
        if blank and line.strip():
            return "\t" if blank[0] == "\t" else len(blank)
    return 2


def _yaml_with(
    path: Path, text: str, held: dict[str, Any], key: str, name: str, entry: dict[str, Any], *, known: bool
) -> str:
    """Put the entry in as lines, so that comments stay; what comes out must read as what was meant."""
    block = yaml.safe_dump({name: entry}, sort_keys=False, allow_unicode=True)
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    at = next((n for n, line in enumerate(lines) if line.rstrip() == f"{key}:"), None)
    if at is None:
        lines += [f"{key}:\n", *(f"  {line}\n" for line in block.splitlines())]
    else:
        own = next((line for line in lines[at + 1 :] if line.strip() and not line.lstrip().startswith("#")), "  x")
        indent = " " * (len(own) - len(own.lstrip()) or 2)
        lines[at + 1 : at + 1] = [f"{indent}{line}\n" for line in block.splitlines()]
    result = "".join(lines)
    if known or yaml.safe_load(result) != held:
        raise UserError(
            f"{path} names {name!r} already, or is written in a way that would have to be written anew.",
            next_step="Change the entry by hand; `lyceum mcp config` prints it.",
        )
    return result
