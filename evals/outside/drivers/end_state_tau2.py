"""Plays calls in a tau2 domain's own environment, and prints whether it ends as its tasks want.

Standard input: {"data": folder of tau2-bench, "domain": name, "policy": "gold" | "idle" | "replay", "limit": n,
"calls": {id: [[who, name, arguments], ...]}}; who is "assistant" or "user". Of what a task's reward counts, the
databases, assertions and actions are looked at; what was said is not. The package's `__init__`, which imports its
runner and providers, is passed by.
"""
# pyright: basic, reportMissingImports=false
# ruff: noqa: T201

import json
import os
import sys
import types
from importlib import import_module
from pathlib import Path

given = json.load(sys.stdin)
root = Path(given["data"])
os.environ["TAU2_DATA_DIR"] = str(root / "data")
for name in ("tau2", "tau2.environment", "tau2.data_model", "tau2.domains", f"tau2.domains.{given['domain']}"):
    module = types.ModuleType(name)
    module.__path__ = [str(root / "src" / Path(*name.split(".")))]
    sys.modules[name] = module

from loguru import logger  # noqa: E402

logger.remove()
environment = import_module(f"tau2.domains.{given['domain']}.environment")
Task = import_module("tau2.data_model.tasks").Task
ToolCall = import_module("tau2.data_model.message").ToolCall


def played(task, calls):
    """The environment after calls, and those of them that should have changed it and were refused."""
    world, start = environment.get_environment(), task.initial_state
    world.set_state(
        initialization_data=start and start.initialization_data,
        initialization_actions=start and start.initialization_actions,
        message_history=list((start and start.message_history) or []),
    )
    refused = []
    for who, name, arguments in calls:
        try:
            world.make_tool_call(name, requestor=who, **arguments)
            world.sync_tools()
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is its refusal
            if world._has_tool(name) and world._is_mutating_tool(name):
                refused.append(f"{name}: {error}"[:200])
    return world, refused


def databases(world):
    return world.get_db_hash(), world.get_user_db_hash()


plain = {}  # the databases as they lie there, which most tasks begin with


def untouched(task):
    if task.initial_state is not None:
        return databases(played(task, [])[0])
    if not plain:
        plain["state"] = databases(played(task, [])[0])
    return plain["state"]


def holds(world, assertion):
    try:
        return world.run_env_assertion(assertion, raise_assertion_error=False)
    except Exception:  # noqa: BLE001 - an assertion that cannot be evaluated does not hold
        return False


def wrong(task, calls):
    """What is wrong at the end of the calls, and whether the task's own actions change anything."""
    wanted = task.evaluation_criteria
    own = [[each.requestor, each.name, each.arguments] for each in (wanted and wanted.actions) or []]
    gold, gold_refused = played(task, own)
    changes = databases(gold) != untouched(task)
    if wanted is None:
        return "", changes, gold_refused
    made = own if given["policy"] == "gold" else calls
    basis = {each.value for each in wanted.reward_basis}
    world = gold if made == own else played(task, made)[0]
    if "DB" in basis and databases(world) != databases(gold):
        return "the database ends otherwise", changes, gold_refused
    if "ENV_ASSERTION" in basis:
        for each in wanted.env_assertions or []:
            if not holds(world, each):
                return f"{each.func_name} does not hold", changes, gold_refused
    if "ACTION" in basis:
        asked = [ToolCall(id="", name=name, arguments=values, requestor=who) for who, name, values in made]
        for each in wanted.actions or []:
            if not any(call.requestor == each.requestor and each.compare_with_tool_call(call) for call in asked):
                return f"{each.name} was not called as it must be", changes, gold_refused
    return "", changes, gold_refused


folder = root / "data" / "tau2" / "domains" / given["domain"]
tasks = [Task.model_validate(each) for each in json.loads((folder / "tasks.json").read_text(encoding="utf-8"))]
splits = folder / "split_tasks.json"
base = json.loads(splits.read_text(encoding="utf-8")).get("base") if splits.exists() else None
if given["policy"] == "replay":
    chosen = [each for each in tasks if each.id in given["calls"]]
else:  # the tasks that are reported; the larger sets of some domains are variants of them
    chosen = [each for each in tasks if base is None or each.id in set(base)][: given.get("limit") or None]
found = {}
for task in chosen:
    why, changes, refused = wrong(task, given["calls"].get(task.id, []))
    found[task.id] = {"wrong": why, "changes": changes, "refused": refused}
print(json.dumps(found))
