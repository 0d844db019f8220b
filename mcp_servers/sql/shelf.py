"""The databases by name: the sample, those of the settings, and those that were attached, each opened on first use."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lyceum.errors import ModelRetry, UserError, nearest
from lyceum.tables import Schema
from mcp_servers.sql.files import Database, shown_address
from mcp_servers.sql.flat import identifier
from mcp_servers.sql.introspect import read_schema, source, version
from mcp_servers.sql.modelled import Modelled
from mcp_servers.sql.semantic import load_layer
from mcp_servers.sql.settings import SAMPLE, DatabaseSettings
from mcp_servers.sql.values import ValueIndex


@dataclass(frozen=True)
class Opened:
    """An open database: `schema` is what may be asked for, `modelled` its semantic layer where it has one.

    `source` tells what stands after FROM for a table of the schema.
    """

    database: Database
    schema: Schema
    modelled: Modelled | None
    values: ValueIndex
    source: Callable[[str], str]


BUNDLED = DatabaseSettings(path=Path(__file__).with_name("chinook.sqlite"))


class Shelf:
    """Attached databases are kept in `databases.json` of the home folder; the others come from the settings."""

    def __init__(self, home: Path, configured: Mapping[str, DatabaseSettings]) -> None:
        self._file = home / "databases.json"
        self._configured = {SAMPLE: BUNDLED, **configured}
        self._open: dict[str, tuple[object, Opened]] = {}
        self._lock = threading.Lock()

    def known(self) -> dict[str, DatabaseSettings]:
        kept: dict[str, Any] = json.loads(self._file.read_text()) if self._file.exists() else {}
        attached = {
            name: DatabaseSettings.model_validate({"path": value} if isinstance(value, str) else value)
            for name, value in kept.items()
        }
        return {**attached, **self._configured}

    def places(self) -> dict[str, str]:
        """Where each database is, as far as whoever asks needs to know: not where Lyceum is installed."""
        places = {
            name: shown_address(found.url) if found.url else str(found.path) for name, found in self.known().items()
        }
        return {**places, SAMPLE: "comes with Lyceum"} if self.known()[SAMPLE] == BUNDLED else places

    def attach(self, place: str, name: str | None, semantic: str | None) -> str:
        """Keep a file or folder under a name and return that; raises UserError for what cannot be opened."""
        if place.startswith(("postgresql:", "postgres:")):
            raise UserError(
                "A PostgreSQL is attached in the settings, where its password stays out of conversations.",
                next_step='Write [servers.sql.databases.NAME] and url = "postgresql://..." in lyceum.toml.',
            )
        path = Path(place).expanduser().resolve()
        given = DatabaseSettings(path=path, semantic=Path(semantic).expanduser().resolve() if semantic else None)
        known = self.known()
        same = [known_name for known_name, found in known.items() if found == given]
        if same and not name:
            return same[0]
        chosen, number = name or identifier(path.stem), 2
        while chosen in known and (chosen in self._configured or known[chosen].path != path):
            chosen, number = f"{name or identifier(path.stem)}_{number}", number + 1
        _open(chosen, given).database.close()  # refuses what does not work before its name is kept
        attached = {key: found for key, found in known.items() if key not in self._configured} | {chosen: given}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(f".{os.getpid()}")
        temporary.write_text(
            json.dumps(
                {key: found.model_dump(mode="json", include={"path", "semantic"}) for key, found in attached.items()}
            )
        )
        temporary.replace(self._file)
        return chosen

    def get(self, name: str) -> Opened:
        """Return an open database, read anew where its tables or its semantic layer changed."""
        with self._lock:
            known = self.known()
            if name not in known:
                raise ModelRetry(f"There is no database {name!r}.", next_step=nearest(name, known, what="databases"))
            kept = self._open.get(name)
            layer = known[name].semantic
            if kept is not None and kept[0] == _version(kept[1].database, layer):
                return kept[1]
            if kept is not None:
                kept[1].database.close()
            opened = _open(name, known[name])
            self._open[name] = (_version(opened.database, layer), opened)
            return opened


def _version(database: Database, layer: Path | None) -> object:
    return version(database), layer.stat().st_mtime if layer and layer.exists() else None


def _open(name: str, given: DatabaseSettings) -> Opened:
    database = Database(given.path, url=given.url, schemas=given.schemas)
    try:
        physical = read_schema(name, database, given.tables)
        modelled = Modelled(load_layer(given.semantic), database, physical) if given.semantic else None
    except (UserError, ModelRetry):
        database.close()
        raise
    used = {model.table.lower() for model in modelled.layer.models} if modelled else None
    database.confine(table.name for table in physical.tables if used is None or table.name.lower() in used)
    schema = modelled.schema if modelled else physical

    def place(table: str) -> str:
        return modelled.source(table) if modelled else source(table, database.dialect)

    return Opened(database, schema, modelled, ValueIndex(database, schema, place), place)
