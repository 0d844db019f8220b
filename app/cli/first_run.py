"""What a first start asks, once and only of a person: what there is to answer with, and whether to read this folder."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from app.cli.terminal import say
from lyceum.paths import ensure_writable
from lyceum.settings import Settings

LOCAL_MODEL = "qwen2.5-coder-1.5b"
ASKED = "asked.json"
FILES_LOOKED_AT = 2000
DEEPEST = 3
SKIPPED = {"node_modules", "__pycache__", "site-packages", "venv"}
KINDS = {
    "documents": (".md", ".txt", ".rst", ".html", ".htm", ".pdf", ".docx"),
    "tables": (".csv", ".tsv", ".parquet", ".xlsx", ".sqlite", ".sqlite3", ".db", ".duckdb"),
}
_LATER = f"`lyceum models pull {LOCAL_MODEL}` fetches the local model, `lyceum models list` shows everything else."
_NEXT = {
    "k": "Set it where its provider says (OPENAI_API_KEY, ANTHROPIC_API_KEY, GOOGLE_API_KEY, ...) and start again; "
    "it is never stored here. `lyceum models list` names every variable. Until then answers are extracts.",
    "o": "Start it, pull a model into it (`ollama pull NAME`) and start again. Until then answers are extracts.",
    "l": f"Going on with extracts. {_LATER}",
    "n": f"Going on with extracts. {_LATER}",
}


def ask_what_there_is(settings: Settings) -> None:
    """Where nothing better than extracts is at hand, ask what there is, and fetch the local model if wanted; once."""
    from models.resolve import ResolvedModels

    asked = _asked(settings.home)
    chosen = settings.offline or settings.model
    if chosen or asked.get("models") or ResolvedModels(settings, os.environ).default != "offline":
        return
    from models.catalog import CATALOG

    local = CATALOG[LOCAL_MODEL]
    offer = f"{local.title}: {local.size_bytes / 1e9:.1f} GB once, {local.licence}, runs on this machine"
    say(
        "No language model is set up yet: answers are extracts, and nothing reasons. What have you got?\n"
        f"  k  a key of a provider\n  o  Ollama\n  l  neither: fetch {offer}\n  n  neither, and go on with extracts"
    )
    choice = ""
    while choice not in tuple("koln"):
        choice = _ask("[k]ey / [o]llama / [l]ocal model / [N]othing ")[:1] or "n"
    _remember(settings.home, {**asked, "models": choice})
    if choice == "l":
        from app.cli import main

        if main(["models", "pull", LOCAL_MODEL]) == 0:
            return
    say(_NEXT[choice])


def offer_folder(home: Path, folder: Path) -> bool:
    """Ask whether a folder with something to read should be attached; a declined folder is not offered again."""
    asked = _asked(home)
    found = contents(folder)
    if not found or str(folder) in asked.get("declined", []):
        return False
    say(f"This folder holds {found}.")
    if _ask("Attach it, so that answers come from it? [y]es / [N]o ").startswith("y"):
        return True
    _remember(home, {**asked, "declined": [*asked.get("declined", []), str(folder)]})
    say("Not attached; /attach . does it later.")
    return False


def contents(folder: Path) -> str:
    """Describe what a folder holds that could be answered from, or return an empty string."""
    if folder in (Path.home(), Path(folder.anchor)):
        return ""  # too much, and too private, to offer
    kinds = {suffix: kind for kind, suffixes in KINDS.items() for suffix in suffixes}
    counts = Counter(kinds[suffix] for suffix in _suffixes(folder) if suffix in kinds)
    parts = [f"{count} {kind if count > 1 else kind[:-1]}" for kind in KINDS if (count := counts[kind])]
    return " and ".join([*(["a repository"] if (folder / ".git").exists() else []), *parts])


def _suffixes(folder: Path) -> Iterator[str]:
    seen = 0
    for here, folders, files in os.walk(folder):
        deep = len(Path(here).relative_to(folder).parts)
        folders[:] = [] if deep >= DEEPEST else [f for f in folders if f not in SKIPPED and not f.startswith(".")]
        for name in files:
            seen += 1
            if seen > FILES_LOOKED_AT:
                return
            if not name.startswith("."):
                yield Path(name).suffix.lower()


def _ask(question: str) -> str:
    """Return a lower-case answer; the end of input or Ctrl-C is none."""
    from prompt_toolkit import prompt

    try:
        return prompt(question).strip().lower()
    except (EOFError, KeyboardInterrupt):
        return ""


def _asked(home: Path) -> dict[str, Any]:
    try:
        kept = json.loads((home / ASKED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}


def _remember(home: Path, asked: dict[str, Any]) -> None:
    (ensure_writable(home) / ASKED).write_text(json.dumps(asked, indent=2), encoding="utf-8")
