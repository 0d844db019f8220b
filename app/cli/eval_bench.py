"""`lyceum eval bench NAME --data FOLDER`: benchmarks of other people, scripted, replayed or by a model."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, cast

from app.cli.eval_run import OFFLINE
from app.cli.terminal import say
from evals.intervals import wilson
from evals.outside import bfcl
from evals.outside.isolated import run_driver
from evals.recording.files import read_trajectories
from evals.trajectory import Trajectory
from lyceum.errors import UserError, nearest
from lyceum.settings import Settings

TAU2 = ("pydantic", "loguru", "docstring-parser", "addict", "deepdiff", "python-dotenv", "toml", "pyyaml")
CALL = (
    "You compose calls of functions. Call the function that the request asks for, with arguments from its words. "
    "Answer in words only where no function fits, or where one's required arguments are not told."
)
DOJO = ("agentdojo==0.1.35",)
# Whose it is, and how it comes here: nothing of them is part of this repository.
SOURCES = {
    "agentdojo": "MIT; its package comes by itself for the call",
    "bfcl": "Apache-2.0; git clone --depth 1 https://github.com/ShishirPatil/gorilla",
    "tau2": "MIT; git clone --depth 1 https://github.com/sierra-research/tau2-bench",
}
DOJO_SUITES = ("banking", "slack", "travel", "workspace")


def bench(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 where everything was right (or a model was measured), 1 where a scripted policy or replay was not."""
    if len(args.suite) != 1 or args.suite[0] not in RUNS:
        if args.suite:
            known = nearest(args.suite[0], RUNS, what="benchmarks")
            raise UserError(f"There is no benchmark {' '.join(args.suite)!r}.", next_step=known)
        told = "\n  ".join(f"{name:<10} {source}" for name, source in SOURCES.items())
        raise UserError("Which benchmark?", next_step=told)
    if args.policy == "obedient" and args.suite[0] != "agentdojo":
        raise UserError("Only agentdojo plants orders that can be obeyed.", next_step="Leave --policy out.")
    if args.policy == "idle" and args.suite[0] != "tau2":
        raise UserError("Only tau2 has a state that can be left as it is.", next_step="Leave --policy out.")
    if args.model and args.suite[0] != "bfcl":
        raise UserError(
            f"{args.suite[0]} asks no model here.",
            next_step="Record its tasks with an agent of yours, and give the trajectories with --replay FILE.",
        )
    told = RUNS[args.suite[0]](args, settings)
    right, total = told["right"], told["of"]
    low, high = wilson(right, total) if total else (0.0, 1.0)
    told["interval"] = [low, high]
    if args.json:
        print(json.dumps(told))
    else:
        print(f"{args.suite[0]} {told['part']}: {right} of {total} right [{low:.1%} to {high:.1%}], {told['policy']}")
        for name, why in told["wrong"][:20]:
            print(f"  {name}: {why}")
    if args.report is not None:
        args.report.mkdir(parents=True, exist_ok=True)
        (args.report / f"{args.suite[0]}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 0 if args.model or right == total > 0 else 1


def _data(args: argparse.Namespace) -> Path:
    if args.data is None or not args.data.is_dir():
        where = "Where does the benchmark lie?" if args.data is None else f"{args.data} is no folder."
        raise UserError(where, next_step=f"Give it with --data FOLDER ({SOURCES[args.suite[0]]}).")
    return args.data


def _replayed(args: argparse.Namespace) -> dict[str, Trajectory]:
    """Return the recorded trajectories by task; two of one task are refused, for only one would be looked at."""
    if args.replay is None:
        return {}
    kept: dict[str, Trajectory] = {}
    for each in read_trajectories(args.replay):
        if not each.case or each.case in kept:
            what = f"{each.case!r} is there twice" if each.case else "a trajectory has no `case`"
            raise UserError(f"{args.replay}: {what}.", next_step="Give one trajectory a task, with the task's id.")
        kept[each.case] = each
    return kept


def _strangers(args: argparse.Namespace, kept: Iterable[str], known: Collection[str], part: str) -> None:
    """Refuse trajectories of no task there is: left out in silence, the share of right ones would be of the others."""
    if unknown := [name for name in kept if name not in known]:
        raise UserError(
            f"{args.replay}: {part} has no task {unknown[0]!r} ({len(unknown)} such).",
            next_step="Give the task's id as `case`, and its part with --part.",
        )


def _bfcl(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    part = args.part or "simple_python"
    known = bfcl.load(_data(args), part)
    questions = known[: args.limit]
    if args.model:
        made, policy = asyncio.run(_asked(args, settings, questions))
    elif args.replay:
        kept = _replayed(args)
        _strangers(args, kept, {each.id for each in known}, part)
        questions = [each for each in known if each.id in kept]
        made = {name: [(step.tool, step.arguments) for step in each.calls] for name, each in kept.items()}
        policy = "replayed"
    else:
        made, policy = {each.id: bfcl.gold(each) for each in questions}, "the first possible answers"
    wrong = [(each.id, why) for each in questions if (why := bfcl.check(each, made[each.id]))]
    right = len(questions) - len(wrong)
    return {"part": part, "policy": policy, "right": right, "of": len(questions), "wrong": wrong}


async def _asked(
    args: argparse.Namespace, settings: Settings, questions: list[bfcl.Question]
) -> tuple[dict[str, list[bfcl.Call]], str]:
    """Ask a model for the calls of each question; what was answered already is kept in `--report`."""
    from models.resolve import ResolvedModels

    models = ResolvedModels(settings, os.environ)
    model = models.get()
    if model.model_name == OFFLINE:
        raise UserError("The offline engine plays no benchmark.", next_step="Give --model M.")
    kept_at: Path | None = args.report / f"bfcl-{args.part or 'simple_python'}.jsonl" if args.report else None
    made: dict[str, list[bfcl.Call]] = {}
    if kept_at is not None:
        kept_at.parent.mkdir(parents=True, exist_ok=True)
        made = kept_answers(kept_at, model.model_name)
    try:
        for question in questions:
            if question.id in made:
                continue
            made[question.id] = await calls_of(model, question, must=args.part != "irrelevance")
            if kept_at is not None:
                with kept_at.open("a", encoding="utf-8") as file:
                    told = {"id": question.id, "model": model.model_name, "calls": made[question.id]}
                    file.write(json.dumps(told) + "\n")
            say(f"  {question.id} {bfcl.check(question, made[question.id]) or 'right'}")
    finally:
        await models.close()
    return made, f"answered by {model.model_name}"


def kept_answers(path: Path, model: str) -> dict[str, list[bfcl.Call]]:
    """Return the calls that this model made before; raises UserError where another one did."""
    whole = path.read_text(encoding="utf-8") if path.exists() else ""
    if not whole.endswith("\n"):  # the last line was cut off as it was written: it is asked again
        whole = whole[: whole.rfind("\n") + 1]
        path.write_text(whole, encoding="utf-8")
    made: dict[str, list[bfcl.Call]] = {}
    for one in map(json.loads, whole.splitlines()):
        if (other := one.get("model", "another model")) != model:
            raise UserError(f"{path} holds answers of {other}, not of {model}.", next_step="Give another --report DIR.")
        made[one["id"]] = [(name, given) for name, given in one["calls"]]
    return made


async def calls_of(model: Any, question: bfcl.Question, *, must: bool) -> list[bfcl.Call]:
    """Return the calls that a model makes in its first answer, which may be words where it need not call.

    Names are written without dots, as providers ask.
    """
    from pydantic_ai.direct import model_request
    from pydantic_ai.messages import ModelRequest, ToolCallPart
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    tools = [
        ToolDefinition(
            name=each["name"].replace(".", "_"),
            description=each.get("description", ""),
            parameters_json_schema=schema_of(each["parameters"]),
        )
        for each in question.functions
    ]
    asked = ModelRequest.user_text_prompt(question.text, instructions=CALL)
    wanted = ModelRequestParameters(function_tools=tools, allow_text_output=not must)
    answer = await model_request(model, [asked], model_request_parameters=wanted)
    return [(part.tool_name, part.args_as_dict()) for part in answer.parts if isinstance(part, ToolCallPart)]


def schema_of(given: Any) -> Any:
    """Return BFCL's parameters as JSON schema, which has other words for dict, float, tuple and any."""
    if isinstance(given, list):
        return [schema_of(each) for each in cast("list[Any]", given)]
    if not isinstance(given, dict):
        return given
    held = cast("dict[str, Any]", given)
    words = {"dict": "object", "float": "number", "tuple": "array"}
    told = {key: schema_of(value) for key, value in held.items() if key not in ("default", "optional")}
    kind = held.get("type")
    if isinstance(kind, str):
        told["type"] = words.get(kind, kind)
        if kind == "any":
            told.pop("type")
    return told


def _tau2(args: argparse.Namespace, _settings: Settings) -> dict[str, Any]:
    """Play calls in the domain's environment, and look at the state that the task's reward asks for."""
    part = args.part or "retail"
    data = _data(args).resolve()
    _domain(data, part)
    kept = _replayed(args)
    policy = "replay" if args.replay else args.policy
    calls = {
        name: [["user" if step.agent == "user" else "assistant", step.tool, step.arguments] for step in each.calls]
        for name, each in kept.items()
    }
    given = {"data": str(data), "domain": part, "policy": policy, "limit": args.limit, "calls": calls}
    found = run_driver("end_state_tau2", given, packages=TAU2, python=args.python)
    _strangers(args, kept, found, part)
    refused = {name: each["refused"] for name, each in found.items() if each["refused"] and policy == "gold"}
    wrong = [(name, each["wrong"]) for name, each in found.items() if each["wrong"]]
    wrong += [(name, f"an action of its own is refused: {why[0]}") for name, why in refused.items()]
    changes = sum(each["changes"] for each in found.values())
    played = {"gold": "the own actions of each task", "idle": "nothing done", "replay": "replayed"}[policy]
    right = len(found) - len({name for name, _ in wrong})
    told = f"{played}; {changes} tasks change the database"
    return {"part": part, "policy": told, "right": right, "of": len(found), "wrong": wrong}


def _domain(data: Path, part: str) -> None:
    """Raise UserError where a domain's code, tasks or database are not in the folder."""
    folder, code = data / "data" / "tau2" / "domains", data / "src" / "tau2" / "domains"
    domains = sorted(each.parent.name for each in code.glob("*/environment.py")) if code.is_dir() else []
    if not domains:
        raise UserError(
            f"{data} is no copy of tau2-bench: it has no src/tau2/domains.",
            next_step="Fetch github.com/sierra-research/tau2-bench and give its folder with --data.",
        )
    if part not in domains:
        raise UserError(f"tau2 has no domain {part!r}.", next_step=nearest(part, domains, what="domains"))
    if not (folder / part / "tasks.json").exists():
        raise UserError(
            f"{folder / part} has no tasks.json.",
            next_step="Give a whole copy of the repository; domains that keep one file a task are not read.",
        )
    if not any((folder / part).glob("db.*")):
        raise UserError(
            f"{folder / part} has no database (db.json or db.toml).",
            next_step="Give a whole copy of the repository: partial ones leave large files out.",
        )


def _agentdojo(args: argparse.Namespace, _settings: Settings) -> dict[str, Any]:
    """Right is: the task is done, and what the planted order asks is not."""
    part = args.part or "banking"
    if part not in DOJO_SUITES:
        raise UserError(f"AgentDojo has no suite {part!r}.", next_step=nearest(part, DOJO_SUITES, what="suites"))
    kept = _replayed(args)
    calls = {
        name: {"calls": [[step.tool, step.arguments] for step in each.calls], "answer": each.answer}
        for name, each in kept.items()
    }
    policy = "replay" if args.replay else args.policy
    given = {"version": "v1.2", "suite": part, "policy": policy, "limit": args.limit, "calls": calls}
    found = run_driver("replay_agentdojo", given, packages=DOJO, python=args.python)
    _strangers(args, kept, found, part)
    wrong: list[tuple[str, str]] = []
    for name, each in found.items():
        if why := each["error"] or ("obeyed the planted order" if each["obeyed"] else ""):
            wrong.append((name, why))
        elif not each["done"]:
            wrong.append((name, "the task is not done"))
    return {"part": part, "policy": policy, "right": len(found) - len(wrong), "of": len(found), "wrong": wrong}


RUNS: dict[str, Callable[[argparse.Namespace, Settings], dict[str, Any]]] = {
    "bfcl": _bfcl,
    "tau2": _tau2,
    "agentdojo": _agentdojo,
}
