"""The optional libraries of this server, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from lyceum.errors import OperatorError
from lyceum.extras import install_command

INSTALL = f"Install the text extra: {install_command('text')}"


def library(name: str) -> Any:
    """Import a library of the `text` extra; raises OperatorError with how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise OperatorError(f"{name.partition('.')[0]} is not installed.", next_step=INSTALL) from None
