"""The tokenizers there are: trained here, of models on this machine, and those that only a network brings.

Names: a trained one by its own; `minilm`; `gguf:NAME` of a pulled model; `tiktoken:ENCODING`; `hub:OWNER/NAME`.
"""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from lyceum.errors import LyceumError, ModelRetry, nearest
from lyceum.paths import ensure_writable
from mcp_servers.tokenizers.loaded import LibraryTokenizer, Loaded, TiktokenEncoding
from mcp_servers.tokenizers.results import Card
from mcp_servers.tokenizers.training import Kind

ENCODINGS = ("o200k_base", "cl100k_base")  # GPT-4o and later; GPT-4 and GPT-3.5
NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"
MOST_TRAINED = 200
_PATIENCE = 8.0  # seconds until a network is taken for absent


class Shelf:
    """Trained tokenizers lie in `home/tokenizers/NAME/` as the library's own file and a card."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home / "tokenizers"

    def check_name(self, name: str, *, replace: bool) -> None:
        """Raise ModelRetry for a name that cannot be given, or is taken and may not be replaced."""
        if not re.fullmatch(NAME, name) or name == "minilm":
            raise ModelRetry(
                f"{name!r} is no name for a tokenizer.", next_step="Send lower-case letters, digits and -."
            )
        folder = self._folder / name
        if folder.exists() and not replace:
            raise ModelRetry(f"There is a tokenizer {name!r}.", next_step="Send another name, or replace true.")
        if not folder.exists() and len(self._trained()) >= MOST_TRAINED:
            raise ModelRetry(f"{MOST_TRAINED} tokenizers are kept.", next_step="Delete one: tokenizers_delete.")

    def save(self, name: str, tokenizer: Tokenizer, kind: Kind, characters: int) -> Card:
        """Keep a trained tokenizer under a name that was checked."""
        folder = self._folder / name
        ensure_writable(folder)
        card = Card(
            name=name,
            kind=kind,
            vocabulary=tokenizer.get_vocab_size(),
            origin="trained here",
            trained=datetime.now(UTC).isoformat(timespec="seconds"),
            characters=characters,
        )
        for file, text in (("tokenizer.json", tokenizer.to_str()), ("card.json", card.model_dump_json())):
            fresh = folder / f".{file}.{os.getpid()}"
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(folder / file)
        return card

    def delete(self, name: str) -> Card:
        card = next((card for card in self._trained() if card.name == name), None)
        if card is None:
            names = [card.name for card in self._trained()]
            raise ModelRetry(
                f"No tokenizer {name!r} was trained here.", next_step=nearest(name, names, what="trained tokenizers")
            )
        shutil.rmtree(self._folder / name)
        return card

    def cards(self) -> list[Card]:
        """Return every tokenizer that has a name of its own; asks no network."""
        cards = [*self._trained(), Card(name="minilm", kind="wordpiece", vocabulary=30522, origin="all-MiniLM-L6-v2")]
        cards += [Card(name=f"gguf:{path.parent.name}", kind="bpe", origin=path.name) for path in self._models()]
        for encoding in ENCODINGS:
            missing = "" if self._table(encoding) else f"its table is fetched at first use, into {self._tables}"
            cards.append(Card(name=f"tiktoken:{encoding}", kind="bpe", origin="OpenAI", unavailable=missing))
        hub = "named by its repository and fetched at first use: hub:Qwen/Qwen3-8B"
        return [*cards, Card(name="hub:OWNER/NAME", origin="Hugging Face hub", unavailable=hub)]

    def open(self, name: str) -> Loaded:
        """Return a tokenizer by name; raises ModelRetry that says why one cannot be had, or the nearest name."""
        origin, _, rest = name.partition(":")
        if origin == "tiktoken" and rest:
            return _tiktoken(rest, self._tables)
        if origin == "hub" and rest:
            return _hub(rest, self._home / "cache" / "hub")
        if name == "minilm":
            return _minilm()
        model = next((path for path in self._models() if name == f"gguf:{path.parent.name}"), None)
        if model is not None:
            return _gguf(name, model, model.stat().st_mtime_ns)
        file = self._folder / name / "tokenizer.json"
        if re.fullmatch(NAME, name) and file.is_file():
            return _trained(name, file, file.stat().st_mtime_ns)
        known = [card.name for card in self.cards()]
        raise ModelRetry(f"There is no tokenizer {name!r}.", next_step=nearest(name, known, what="tokenizers"))

    def open_all(self, names: list[str]) -> tuple[list[Loaded], dict[str, str]]:
        """Open several; return those that there are and, by name, why the others are not."""
        opened: list[Loaded] = []
        missing: dict[str, str] = {}
        for name in names:
            try:
                opened.append(self.open(name))
            except LyceumError as error:
                missing[name] = f"{error.message} {error.next_step}".strip()
        return opened, missing

    def _trained(self) -> list[Card]:
        files = sorted(self._folder.glob("*/card.json"))
        return [Card.model_validate_json(file.read_bytes()) for file in files]

    def _models(self) -> list[Path]:
        return sorted((self._home / "models").glob("*/*.gguf"))

    @property
    def _tables(self) -> Path:
        return Path(os.environ.get("TIKTOKEN_CACHE_DIR") or self._home / "cache" / "tiktoken")

    def _table(self, encoding: str) -> bool:
        return self._tables.is_dir() and any(self._tables.iterdir()) and encoding in ENCODINGS


@lru_cache(maxsize=16)
def _trained(name: str, file: Path, _changed: int) -> Loaded:
    return LibraryTokenizer(name, Tokenizer.from_file(str(file)))


@lru_cache(maxsize=2)
def _gguf(name: str, file: Path, _changed: int) -> Loaded:
    from mcp_servers.tokenizers.gguf import tokenizer_of

    return LibraryTokenizer(name, tokenizer_of(file))


@lru_cache(maxsize=1)
def _minilm() -> Loaded:
    from models.embeddings import package_folder

    return LibraryTokenizer("minilm", Tokenizer.from_file(str(package_folder() / "tokenizer.json")))


@lru_cache(maxsize=4)
def _tiktoken(encoding: str, tables: Path) -> Loaded:
    import tiktoken

    if encoding not in tiktoken.list_encoding_names():
        raise ModelRetry(
            f"There is no encoding {encoding!r}.", next_step=nearest(encoding, ENCODINGS, what="encodings")
        )
    ensure_writable(tables)
    os.environ["TIKTOKEN_CACHE_DIR"] = str(tables)  # the only way to tell it where to keep what it fetches
    try:
        return TiktokenEncoding(f"tiktoken:{encoding}", tiktoken.get_encoding(encoding))
    except Exception as error:  # noqa: BLE001 - whatever its HTTP client raises
        raise _not_fetched(f"tiktoken's table {encoding}", error) from None


@lru_cache(maxsize=4)
def _hub(repository: str, kept: Path) -> Loaded:
    """Return the tokenizer of a repository at the hub, fetched once; HF_ENDPOINT and HF_TOKEN are honoured."""
    if not re.fullmatch(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}", repository):
        raise ModelRetry(f"{repository!r} is no repository.", next_step="Send hub:OWNER/NAME.")
    file = kept / f"{repository.replace('/', '--')}.json"
    try:
        if not file.is_file():
            content = _download(repository)
            Tokenizer.from_buffer(content)  # only what can be read is kept
            ensure_writable(kept)
            file.write_bytes(content)
        return LibraryTokenizer(f"hub:{repository}", Tokenizer.from_file(str(file)))
    except Exception as error:  # noqa: BLE001 - the library raises bare exceptions
        raise _not_fetched(f"The tokenizer of {repository}", error) from None


def _download(repository: str) -> bytes:
    import httpx2

    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    limits = httpx2.Timeout(30, connect=_PATIENCE)
    with httpx2.Client(follow_redirects=True, timeout=limits, headers=headers) as client:
        answer = client.get(f"{endpoint}/{repository}/resolve/main/tokenizer.json").raise_for_status()
    return answer.content


def _not_fetched(what: str, error: Exception) -> ModelRetry:
    reason = type(error).__name__  # its text may hold an address or a token
    return ModelRetry(f"{what} could not be fetched here ({reason}).", next_step="Take one of tokenizers_list.")
