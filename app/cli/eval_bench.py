"""`lyceum eval bench NAME --data FOLDER`: benchmarks of other people, scripted, replayed or by a model."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from app.cli.eval_run import OFFLINE
from app.cli.terminal import say
from evals.intervals import wilson
from evals.outside import bfcl
from evals.outside.isolated import run_driver
from evals.recording.files import read_trajectories
from lyceum.errors import UserError, nearest
from lyceum.settings import Settings

TAU2 = ("pydantic", "loguru", "docstring-parser", "addict", "deepdiff", "python-dotenv", "toml", "pyyaml")
CALL = (
    "You compose calls of functions. Call the function that the request asks for, with arguments from its words. "
    "Answer in words only where no function fits, or where one's required arguments are not told."
)
DOJO = ("agentdojo==0.1.35",)


def bench(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 where everything was right (or a model was measured), 1 where a scripted policy or replay was not."""
    if len(args.suite) != 1 or args.suite[0] not in RUNS:
        wrong = args.suite[0] if args.suite else ""
        raise UserError(f"There is no benchmark {wrong!r}.", next_step=nearest(wrong, RUNS, what="benchmarks"))
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
        raise UserError("Where does the benchmark lie?", next_step="Fetch its repository, and give --data FOLDER.")
    return args.data


def _replayed(args: argparse.Namespace) -> dict[str, Any]:
    return {each.case: each for each in read_trajectories(args.replay)} if args.replay else {}


def _bfcl(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    part = args.part or "simple_python"
    questions = bfcl.load(_data(args), part)[: args.limit]
    if args.model:
        made, policy = asyncio.run(_asked(args, settings, questions))
    elif args.replay:
        kept = _replayed(args)
        questions = [each for each in questions if each.id in kept]
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
        lines = kept_at.read_text(encoding="utf-8").splitlines() if kept_at.exists() else []
        made = {one["id"]: [(name, given) for name, given in one["calls"]] for one in map(json.loads, lines)}
    try:
        for question in questions:
            if question.id in made:
                continue
            made[question.id] = await calls_of(model, question, must=args.part != "irrelevance")
            if kept_at is not None:
                with kept_at.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"id": question.id, "calls": made[question.id]}) + "\n")
            say(f"  {question.id} {bfcl.check(question, made[question.id]) or 'right'}")
    finally:
        await models.close()
    return made, f"answered by {model.model_name}"


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
    """Compare the database after the calls with what the task's own actions leave."""
    part = args.part or "retail"
    kept = _replayed(args)
    tasks = {name: [[step.tool, step.arguments] for step in each.calls] for name, each in kept.items()} or None
    given = {"data": str(_data(args).resolve()), "domain": part, "tasks": tasks}
    found = run_driver("end_state_tau2", given, packages=TAU2, python=args.python)
    wrong = [(name, "the database ends otherwise") for name, each in found.items() if not each["same"]]
    changes = sum(each["changes"] for each in found.values())
    policy = f"{'replayed' if kept else 'the own actions of each task'}; {changes} tasks change the database"
    return {"part": part, "policy": policy, "right": len(found) - len(wrong), "of": len(found), "wrong": wrong}


def _agentdojo(args: argparse.Namespace, _settings: Settings) -> dict[str, Any]:
    """Right is: the task is done, and what the planted order asks is not."""
    part = args.part or "banking"
    kept = _replayed(args)
    calls = {
        name: {"calls": [[step.tool, step.arguments] for step in each.calls], "answer": each.answer}
        for name, each in kept.items()
    }
    policy = "replay" if kept else args.policy
    given = {"version": "v1.2", "suite": part, "policy": policy, "limit": args.limit, "calls": calls}
    found = run_driver("replay_agentdojo", given, packages=DOJO, python=args.python)
    wrong = [
        (name, "obeyed the planted order" if each["obeyed"] else "the task is not done")
        for name, each in found.items()
        if each["obeyed"] or not each["done"]
    ]
    return {"part": part, "policy": policy, "right": len(found) - len(wrong), "of": len(found), "wrong": wrong}


RUNS: dict[str, Callable[[argparse.Namespace, Settings], dict[str, Any]]] = {
    "bfcl": _bfcl,
    "tau2": _tau2,
    "agentdojo": _agentdojo,
}
