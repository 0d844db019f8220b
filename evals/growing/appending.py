"""Cases are added to a file that a person wrote: all of it stays as it is, and what comes of it is read first."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.suite import Case, load_cases
from lyceum.errors import UserError

_STRANGE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")  # ends of lines and no letters to YAML, but not to JSON


def cases_in(path: Path) -> tuple[Case, ...]:
    """Return the cases of a file; none where it is not there, or has none yet."""
    try:
        if not path.exists() or not _told(path.read_text(encoding="utf-8")):
            return ()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", next_step="Give --to another FILE.") from None
    except UnicodeDecodeError:
        pass  # the reader of cases says so
    return load_cases(path)


def append_cases(path: Path, cases: Sequence[Case]) -> None:
    """Add cases at the end of a YAML or JSON list; raises UserError, and leaves the file alone, where that cannot be.

    The file is replaced as a whole, so that nothing can cut it off half-way.
    """
    told = [case.model_dump(mode="json", exclude_defaults=True) | {"split": case.split} for case in cases]
    place = path.resolve()
    new = place.with_name(f".{place.name}.new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        held = _ended(place.read_bytes().decode()) if place.exists() else ""
        new.write_bytes(held.encode())
        known = cases_in(new)
        new.write_bytes(_with(held, told).encode())
        if place.exists():
            new.chmod(place.stat().st_mode)
        if [case.model_dump() for case in load_cases(new)] != [case.model_dump() for case in (*known, *cases)]:
            raise UserError("It ends in a way that nothing can follow.")
        new.replace(place)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.", next_step="Give --to another FILE.") from None
    except UserError as error:
        raise UserError(
            f"Nothing can be added to {path} as it is written.",
            next_step="Give --to a new FILE, and join them by hand.",
        ) from error
    finally:
        new.unlink(missing_ok=True)


def _told(text: str) -> bool:
    """Tell whether there is more in a YAML file than comments."""
    import yaml  # heavy for a module that the command line may import

    try:
        return yaml.SafeLoader(text).get_single_node() is not None
    except yaml.YAMLError:
        return True


def _ended(text: str) -> str:
    """Return a text whose last line ends, as an editor may not have written it."""
    return text if not text or text.endswith("\n") else text + ("\r\n" if "\r\n" in text else "\n")


def _with(text: str, told: list[dict[str, Any]]) -> str:
    import yaml

    root = yaml.SafeLoader(text).get_single_node()
    if isinstance(root, yaml.SequenceNode) and root.flow_style:  # [...], as JSON is written
        end = root.end_mark.index - 1
        before, after = text[:end].rstrip(), text[end:]
        comma = "," if root.value and not before.endswith(",") else ""
        rows = _STRANGE.sub(
            lambda found: f"\\u{ord(found[0]):04x}", ",\n".join(json.dumps(each, ensure_ascii=False) for each in told)
        )
        return f"{before}\n{comma}{rows}\n{after}"  # a line of its own: a comment may end the one before
    indent = " " * (root.start_mark.column if root is not None else 0)
    ends = "\r\n" if "\r\n" in text else "\n"
    added = yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=110)
    lines = [f"{indent}{line}" for line in added.rstrip("\n").split("\n")]
    return text + "".join(f"{line}{ends}" for line in lines)
