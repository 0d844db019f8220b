"""Classification baselines on the 50 test messages: accuracy, macro F1, milliseconds a message, cost.

`python -m benchmarks.text_baselines --json benchmarks/results/text_baselines.json`
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from mcp_servers.text.classify import compare
from models.embeddings import MiniLM


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = compare(["tfidf", "embeddings"], lambda: MiniLM(Path(folder)))  # without the cache of vectors
    table = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"cpu": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "classification": found.model_dump(mode="json"),
    }
    for method in found.methods:
        print(f"{method.method:12} accuracy {method.accuracy:.2f}  macro F1 {method.macro_f1:.2f}", end="  ")
        print(f"{method.milliseconds:6.2f} ms a message  ${method.cost:.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
