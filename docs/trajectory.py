"""Write `docs/trajectory.schema.json`, the published form of a trajectory: `python docs/trajectory.py`."""

from __future__ import annotations

import json
from pathlib import Path

from evals.trajectory import schema

PATH = Path(__file__).with_name("trajectory.schema.json")


def rendered() -> str:
    """Return the schema as the file holds it."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(rendered(), encoding="utf-8")
