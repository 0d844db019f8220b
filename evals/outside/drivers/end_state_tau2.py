"""Applies calls to a tau2 domain's database with the domain's own tools, and prints whether it ends as it should.

Standard input: {"data": folder of tau2-bench, "domain": name, "tasks": {id: [[name, arguments], ...] | null}}; null
stands for the task's own actions. The package's `__init__`, which imports its runner and providers, is passed by.
"""
# pyright: basic, reportMissingImports=false
# ruff: noqa: T201

import json
import os
import sys
import types
from pathlib import Path

given = json.load(sys.stdin)
root = Path(given["data"])
os.environ["TAU2_DATA_DIR"] = str(root / "data")
for name in ("tau2", "tau2.environment", "tau2.domains", f"tau2.domains.{given['domain']}"):
    module = types.ModuleType(name)
    module.__path__ = [str(root / "src" / Path(*name.split(".")))]
    sys.modules[name] = module

from importlib import import_module  # noqa: E402

from loguru import logger  # noqa: E402

logger.remove()
domain = f"tau2.domains.{given['domain']}"
tools_module, data_module = import_module(f"{domain}.tools"), import_module(f"{domain}.data_model")
own = [v for v in vars(tools_module).values() if isinstance(v, type) and v.__module__ == f"{domain}.tools"]
toolkit = next(v for v in own if hasattr(v, "tools") or "Tools" in v.__name__)
db = next(
    v
    for v in vars(data_module).values()
    if isinstance(v, type) and v.__name__.endswith("DB") and v.__module__ == f"{domain}.data_model"
)
folder = root / "data" / "tau2" / "domains" / given["domain"]
text = (folder / "db.json").read_text()


def ended(calls: list) -> str:
    kit = toolkit(db.model_validate_json(text))
    for name, arguments in calls:
        try:
            kit.use_tool(name, **arguments)
        except Exception:  # noqa: BLE001, S112 - a call that the tool refuses changes nothing
            continue
    return kit.db.get_hash()


found = {}
for task in json.loads((folder / "tasks.json").read_text()):
    if given["tasks"] is not None and task["id"] not in given["tasks"]:
        continue
    actions = (task.get("evaluation_criteria") or {}).get("actions") or []
    wanted = [
        [each["name"], each["arguments"]] for each in actions if each.get("requestor", "assistant") == "assistant"
    ]
    made = (given["tasks"] or {}).get(task["id"])
    gold = ended(wanted)
    done = ended(wanted if made is None else made)
    found[task["id"]] = {"same": done == gold, "changes": gold != ended([]), "actions": wanted}
print(json.dumps(found))
