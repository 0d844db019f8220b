"""`lyceum research`: a question and its sources in, an approved plan, a cited report out."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.durations import seconds_of
from app.cli.ending import exit_code
from app.cli.given import check_text
from app.cli.terminal import markdown, neutral, say, styled, width
from lyceum.errors import Cancelled, UserError, WaitsForApproval, nearest
from lyceum.settings import BudgetSettings, Settings

if TYPE_CHECKING:
    from app.cli.approval import Decide
    from app.cli.research_view import Watch
    from app.wiring import App
    from lyceum.events import Answered
    from lyceum.runs import Run
    from workflows.steps.research.budget import Budget
    from workflows.steps.research.plan import Place

FLOW = "deep_research"
QUESTION = "research_question"  # the tool that a run names where it asks what is meant
OPENING = 3600.0  # seconds at most to read the sources and make the plan
LONGEST_QUESTION = 20_000
MOST_SOURCES = 20
KINDS = ("docs", "sql", "web")
LIMITS = ("calls", "tokens", "dollars", "seconds")
STAGES = ("search", "follow_up", "write", "verify", "review")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="?", default="", help="what to find out")
    parser.add_argument(
        "--source", action="append", default=[], metavar="KIND:PLACE", help="docs:FOLDER, sql:FILE or web; repeat it"
    )
    parser.add_argument("--model", metavar="M", help="who writes; see `lyceum models list`")
    parser.add_argument("--offline", action="store_true", help="use the offline engine: it quotes")
    parser.add_argument("--again", metavar="RUN", help="carry out that run's plan once more and say what changed")
    parser.add_argument("--plan-only", action="store_true", help="show the plan and look nothing up")
    parser.add_argument("--yes", action="store_true", help="approve the plan as it is")
    parser.add_argument(
        "--answer-within",
        default="1d",
        metavar="TIME",
        help="how long an open question waits for you before it is taken as it is",
    )
    parser.add_argument(
        "--rounds", type=int, default=1, metavar="N", help="how often thin evidence is looked for again"
    )
    parser.add_argument(
        "--budget", action="append", default=[], metavar="KEY=VALUE", help="calls, tokens, dollars, seconds; stage.KEY"
    )
    parser.add_argument("--every", metavar="TIME", help="repeat it so often (6h, 1d, 1w) and say what has changed")
    parser.add_argument("--report", metavar="FOLDER", help="also write report.md, report.html and report.json there")
    parser.add_argument("--engine", choices=("journal", "temporal"), help="where it runs; default as the settings say")
    parser.add_argument("--json", action="store_true", help="the event log as JSON lines on standard output")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.every:
        seconds_of(args.every, option="--every", least=60)  # refused before anything is done
    if args.every and (args.again or args.plan_only):
        raise UserError(
            "--every repeats a research that is asked here.", next_step="lyceum runs schedule add RUN --every 1d"
        )
    if args.again:
        return asyncio.run(_again(args, settings))
    budget = budget_of(args.budget)
    places = [place_of(given) for given in args.source]
    if not places:
        raise UserError(
            "Research needs a source.", next_step="Add --source docs:FOLDER, --source sql:FILE or --source web."
        )
    if len(args.question.strip()) < 3:
        raise UserError("The question is empty.", next_step='Ask something: lyceum research "..." --source docs:FOLDER')
    instead = "Put the text into a file, name it with --source docs:FILE and ask about it."
    check_text(args.question, "question", most=LONGEST_QUESTION, instead=instead)
    if len(places) > MOST_SOURCES:
        raise UserError(
            f"{len(places)} sources are too many; {MOST_SOURCES} fit.", next_step="Put documents into one folder."
        )
    if not 0 <= args.rounds <= 3:
        raise UserError("--rounds is 0 to 3.", next_step="Leave it out for one round.")
    request = {
        "question": args.question,
        "places": places,
        "model": "offline" if settings.offline else (args.model or "default"),  # whoever resumes it asks the same
        "rounds": args.rounds,
        "budget": budget,
        "plan_only": args.plan_only,
        "yes": args.yes,
        "answer_within": seconds_of(args.answer_within, option="--answer-within"),
    }
    return asyncio.run(_research(args, settings, request, budget))


def place_of(given: str) -> Place:
    """Read `KIND:PLACE`; raises UserError for a kind that does not exist or a path that cannot be read."""
    from app.wiring import collection_name
    from workflows.steps.research.plan import Place

    kind, colon, where = given.partition(":")
    if kind not in KINDS:
        raise UserError(
            f"--source {given}: {kind!r} is no kind of source.", next_step=nearest(kind, KINDS, what="kinds")
        )
    if kind == "web":
        return Place(kind="web", name="web")
    path = Path(where).expanduser().resolve()
    if not colon or not where or not path.exists():
        raise UserError(f"--source {given}: there is no such file or folder.", next_step=f"Write {kind}:PATH.")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path} cannot be read.", next_step="Check its permissions.")
    return Place(kind="docs" if kind == "docs" else "sql", name=collection_name(path), uri=str(path))


def budget_of(given: Sequence[str]) -> Budget:
    """Read `KEY=VALUE` and `STAGE.KEY=VALUE`; raises UserError that names what is valid."""
    from pydantic import ValidationError

    from workflows.steps.research.budget import Budget

    values: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        stage, _, key = name.rpartition(".")
        if not equals or key not in LIMITS or (stage and stage not in STAGES):
            wrong = stage if stage and stage not in STAGES else key
            valid = STAGES if wrong == stage and stage else LIMITS
            raise UserError(f"--budget {each} is no limit.", next_step=nearest(wrong, valid, what="names"))
        place = values.setdefault("stages", {}).setdefault(stage, {}) if stage else values
        place[key] = value
    try:
        return Budget.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"] if part != "stages")
        raise UserError(f"--budget {where}: {first['msg']}.", next_step="Send a number, e.g. seconds=120.") from None


def within(limits: BudgetSettings, budget: Budget) -> BudgetSettings:
    """Return limits, which also cut a model off in mid-answer, that are at most the research's."""
    given = {
        "tool_calls": min(limits.tool_calls, max(1, budget.calls)) if budget.calls is not None else limits.tool_calls,
        "tokens": min(limits.tokens, max(1, budget.tokens)) if budget.tokens is not None else limits.tokens,
        "dollars": min(filter(None, (limits.dollars, budget.dollars)), default=None),
        "seconds": min(limits.seconds, budget.seconds) if budget.seconds is not None else limits.seconds,
        "model_calls": limits.model_calls,
    }
    return BudgetSettings.model_validate(given)


def _narrowed(app: App, budget: Budget) -> App:
    """Return the app with an engine that keeps to the research's limits, its clock included."""
    from app.wiring import FLOWS
    from workflows.engines.journal import JournalEngine

    if not isinstance(app.engine, JournalEngine):
        return app
    runtime = replace(app.runtime, budget=within(app.runtime.budget, budget))
    engine = JournalEngine(runtime, app.engine.journal, FLOWS)
    return replace(app, runtime=runtime, engine=engine, journal=engine)


def _patient(settings: Settings) -> Settings:
    """Return settings that leave time to read the sources: what the budget limits begins with the approved plan."""
    seconds = max(settings.budget.seconds, OPENING)
    return settings.model_copy(update={"budget": settings.budget.model_copy(update={"seconds": seconds})})


async def _research(args: argparse.Namespace, settings: Settings, given: dict[str, Any], budget: Budget) -> int:
    from app.cli.research_view import Watch
    from app.cli.runs_schedule import repeat
    from app.schedules import schedules_of
    from app.wiring import wire
    from workflows.deep_research import ResearchRequest

    progress = Watch(as_json=args.json)
    request = ResearchRequest.model_validate(given)
    async with wire(_patient(settings), listen=progress) as app:
        app.runtime.models.get(request.model)  # a model that cannot be used is refused before anything is stored
        if not args.json:
            say(f"answered by {app.runtime.models.reason}")
        thread = (await app.store.create_thread(request.question.strip().splitlines()[0])).id
        run_id = await app.engine.submit(FLOW, request, thread=thread)
        say(f"run {run_id}")
        if args.every:
            async with schedules_of(app) as kept:
                await repeat(app, kept, await app.store.run(run_id), args.every)
        return await carry_on(app, progress, {"*": True} if args.yes else {}, run_id, budget, folder=args.report)


async def _again(args: argparse.Namespace, settings: Settings) -> int:
    """Carry out a finished run's plan once more, as it was approved then: nobody has to be there."""
    from app.stores import close_store, open_store
    from workflows.steps.research.budget import Budget

    if args.question or args.source or args.budget or args.plan_only:
        raise UserError(
            "--again takes question, sources and budget from the earlier run.", next_step="lyceum research --again RUN"
        )
    store = open_store(settings)
    try:
        earlier = await store.run(args.again)
    finally:
        await close_store(store)
    if earlier.flow != FLOW:
        raise UserError(f"Run {args.again} is no research.", next_step="See `lyceum runs list`.")
    given = {**earlier.input, "again": earlier.id, "plan_only": False}
    if settings.offline or args.model:
        given["model"] = "offline" if settings.offline else args.model
    return await _research(args, settings, given, Budget.model_validate(given["budget"]))


async def go_on(settings: Settings, run: Run, *, as_json: bool, folder: str | None = None) -> int:
    """Go on with a run that was begun before, within its own budget."""
    from app.cli.research_view import Watch
    from app.wiring import wire
    from workflows.steps.research.budget import Budget

    progress = Watch(as_json=as_json)
    budget = Budget.model_validate(run.input["budget"])
    async with wire(_patient(settings), listen=progress) as app:
        answers = {"*": True} if run.input.get("yes") else {}
        if run.status in ("failed", "cancelled"):  # what failed is tried again, the rest stays
            progress.begin()
            progress.catch_up(await app.store.events(run.id))
            await _narrowed(app, budget).engine_of(run).retry(run.id)
        return await carry_on(app, progress, answers, run.id, budget, folder=folder)


async def carry_on(
    app: App, progress: Watch, answers: Mapping[str, bool], run_id: str, budget: Budget, *, folder: str | None = None
) -> int:
    """Drive a research run to its end or its approval, print its report, and return the exit code."""
    from app.cli.approval import carry_out
    from app.cli.research_approval import person
    from app.cli.stopping import until_interrupted
    from app.report.files import last_answer

    progress.begin()
    progress.catch_up(await app.store.events(run_id))
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not progress.as_json

    async def through() -> Run:
        while not await _plan_asked(app, run_id):
            async with progress.drawing():
                waiting = await carry_out(app, run_id, {}, None)  # up to a question
            if waiting.status != "waiting":
                return waiting
            if not await _plan_asked(app, run_id) and not (asks and await _decided(app, run_id, person)):
                return waiting
        if asks and not answers:
            await _decided(app, run_id, person)
        async with progress.drawing():
            return await carry_out(_narrowed(app, budget), run_id, answers, None)

    run = await until_interrupted(through())
    answer = await last_answer(app.store, run_id)
    if answer is not None:
        place = Path(folder) if folder else app.settings.home / "reports" / run_id
        await show(answer, place, app.settings, quiet=progress.as_json)
    stopped = Cancelled("Stopped; nothing that was done is lost.", next_step=f"Go on: `lyceum runs resume {run_id}`.")
    return exit_code(run, stopped=stopped, waits=await _waits(app, run_id))


async def _waits(app: App, run_id: str) -> WaitsForApproval:
    """Return what to say where a run waits: for what is meant by the question, or for its plan."""
    for approval in await app.store.approvals(run=run_id):
        if approval.request.get("tool") == QUESTION:
            lines = [f"  {number}. {option}" for number, option in enumerate(approval.request.get("options", []), 1)]
            return WaitsForApproval(
                "\n".join([approval.title, *lines]),
                next_step=f'lyceum runs approve {run_id} "THE QUESTION IN CLEAR WORDS", or an option\'s number; '
                "without either it is taken as it stands",
            )
    return WaitsForApproval(
        f"Run {run_id} waits until its plan is approved.",
        next_step=f"lyceum runs approve {run_id} (or deny); --edit FILE approves another plan",
    )


async def _plan_asked(app: App, run_id: str) -> bool:
    asked = await app.store.approvals(run=run_id, pending=False)
    return any(approval.request.get("tool") != QUESTION for approval in asked)


async def _decided(app: App, run_id: str, ask: Decide) -> bool:
    """Have the person decide what is asked, with nothing moving on the screen; False where they left it open."""
    engine = app.engine_of(await app.store.run(run_id))
    for approval in await app.store.approvals(run=run_id):
        decision = await ask(approval)
        if decision is None:
            return False
        await engine.decide(run_id, approval.id, decision)
    return True


async def show(answer: Answered, folder: Path, settings: Settings, *, quiet: bool) -> None:
    """Print the report and write it as files."""
    from app.report.files import report_of, write_report

    report = report_of(answer)
    if not quiet:
        print(markdown(answer.text, width()) if styled(sys.stdout) else neutral(answer.text))
    if report is None:
        return
    if not quiet:
        rates = report.rates
        say(
            f"existence {rates.existing} of {rates.cited} citations, "
            f"support {rates.supported} of {rates.checked} claims"
        )
    say(await write_report(answer, report, folder, settings))
