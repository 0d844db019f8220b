"""`lyceum eval add` and `lyceum eval check`: suites grow by what really happened, and hold nothing twice."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from app.cli.terminal import say
from evals import catalogue
from evals.growing.appending import append_cases, cases_in
from evals.growing.cases import from_run, variants
from evals.growing.documents import MOST, Passages, from_document
from evals.growing.near import asks_the_same, near_duplicates
from evals.growing.secrets import HIDDEN
from evals.recording.events import from_events
from evals.suite import Case, load_cases
from lyceum.errors import UserError
from lyceum.runs import ENDED, Run, RunStore
from lyceum.settings import Settings


def add(args: argparse.Namespace, settings: Settings) -> int:
    """Append cases to a file: of a run of the product (its id), or of documents (a file's or folder's path)."""
    if not args.suite:
        raise UserError("Add what? lyceum eval add RUN --to CASES.yaml", next_step="`lyceum runs list` shows runs.")
    if args.to is None:
        raise UserError("Add it where?", next_step="Give --to FILE, such as evals/suites/NAME/cases.yaml.")
    if args.id and len(args.suite) > 1:
        raise UserError("--id names one run's case.", next_step="Add one at a time, or leave out --id.")
    known = list(cases_in(args.to))
    new: list[Case] = []
    for name in args.suite:
        if Path(name).exists():
            made = list(_of_documents(args, Path(name)))
        else:
            made = [asyncio.run(_of_run(args, settings, name))]
        new += _with_own_ids(_unknown(made, [*known, *new]), [*known, *new])
    if args.adversarial:
        new += [variant for case in new for variant in variants(case)]
    if not new:
        say("nothing was added")
        return 1
    append_cases(args.to, new)
    say(f"{len(new)} case{'s were' if len(new) > 1 else ' was'} added to {args.to}: look at what they expect")
    if files := sorted({tag[len("attach:") :] for case in new for tag in case.tags if tag.startswith("attach:")}):
        say(f"they are about {', '.join(files)}: the suite that asks them must attach that")
    return 0


def _of_documents(args: argparse.Namespace, path: Path) -> Iterator[Case]:
    from mcp_servers.retrieval.extract import CODE

    folder = path.is_dir()
    files = [path]
    if folder:  # what is code or data there is not asked about
        found = sorted(each for each in path.rglob("*") if each.is_file() and each.suffix.lower() not in CODE)
        files = [each for each in found if not any(part.startswith(".") for part in each.relative_to(path).parts)]
    for file in files:
        name = file.relative_to(path).as_posix() if folder else file.name
        try:
            passages = _passages(file)
        except UserError as error:
            if not folder:
                raise
            say(f"left out {name}: {error.message}")
            continue
        made = from_document(name, passages, most=args.limit or MOST, split=args.into)
        if not made:
            say(f"{name} has no sentence with a number or a name to ask for")
        yield from (
            case.model_copy(update={"id": f"{args.id}-{n}"}) if args.id else case for n, case in enumerate(made, 1)
        )


def _passages(path: Path) -> Passages:
    """Read a document as `lyceum ingest` does; raises UserError that names it where it cannot be read."""
    from mcp_servers.retrieval.extract import extract

    try:
        document = extract(path.read_bytes(), path.suffix.lower())
    except UserError as error:
        raise UserError(f"{path}: {error.message}", next_step=error.next_step) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", next_step="Check its permissions.") from None
    except Exception as error:  # parsers raise whatever a damaged file makes them raise
        raise UserError(
            f"{path} is damaged ({type(error).__name__}).", next_step="Save it again, and retry."
        ) from error
    heading = ""
    found: list[tuple[str, str]] = []
    for block in document.blocks:
        if block.kind == "heading":
            heading = block.label
        elif block.kind == "text":
            found.append((heading, document.text[block.start : block.end]))
    return found


async def _of_run(args: argparse.Namespace, settings: Settings, name: str) -> Case:
    from app.stores import close_store, open_store

    store = open_store(settings)
    try:
        try:
            run = await store.run(name)
        except UserError:
            raise UserError(
                f"There is neither a run nor a file {name!r}.", next_step="See `lyceum runs list`, or check the path."
            ) from None
        if run.status not in ENDED:
            raise UserError(f"Run {name} is not over: {run.status}.", next_step=f"See `lyceum runs show {name}`.")
        trajectory = from_events(await store.events(run.id))
        before = await _before(store, run)
        attached = {each.name: Path(each.uri).name for each in (await store.thread(run.thread)).attachments}
    finally:
        await close_store(store)
    if not trajectory.input:
        raise UserError(f"Run {name} asked nothing.", next_step="Take a run of a chat or of research.")
    if run.status != "done" and trajectory.error is None:
        trajectory.error = f"{run.status}: {run.error}"
    given = cast("dict[str, Any]", run.input) if isinstance(run.input, dict) else {}
    case = from_run(
        trajectory,
        args.id or f"run-{run.id}",
        split=args.into,
        before=before,
        agent=str(given.get("agent") or ""),
        attached=attached,
        passing=[run.id, run.thread, f"{run.created:%Y-%m-%d}", f"{run.created.day} {run.created:%B %Y}"],
    )
    if trajectory.error is not None:
        say(f"run {name} ended as {trajectory.error[:100]}; its case wants an answer, whatever it is: write down which")
    if "turns" in case.expected:
        say(f"{case.id} has turns: put it where conversations are held, as in evals/suites/memory")
    if HIDDEN in str(case.model_dump()):
        say(f"{case.id}: what looks like a secret was left out; look for what else must not be kept")
    return case


async def _before(store: RunStore, run: Run) -> list[str]:
    """Return what was said earlier in the conversation, oldest first."""
    if run.flow != "chat_turn":
        return []
    turns = [each for each in await store.runs(thread=run.thread, limit=1000) if each.flow == run.flow]
    earlier = sorted((each for each in turns if each.created < run.created), key=lambda each: each.created)
    inputs = [cast("dict[str, Any]", each.input) for each in earlier if isinstance(each.input, dict)]
    return [str(given["question"]) for given in inputs if given.get("question")]


def _unknown(new: list[Case], known: list[Case]) -> list[Case]:
    """Leave out what is there already, in almost the same words about the same files."""
    kept: list[Case] = []
    for case in new:
        same = next((each for each in [*known, *kept] if asks_the_same(each, case)), None)
        if same is None:
            kept.append(case)
            continue
        leak = f", which is in {same.split}: it would leak" if same.split != case.split else ""
        say(f"left out {case.id}: it asks what {same.id} asks{leak}")
    return kept


def _with_own_ids(new: list[Case], known: list[Case]) -> list[Case]:
    """Give documents' cases the next free number; raises UserError where a run's case has an id that is taken."""
    taken = {case.id for case in known}
    named: list[Case] = []
    for case in new:
        name = case.id
        if name in taken and "from-document" not in case.tags:
            raise UserError(f"There is a case {name!r} already.", next_step="Give another --id.")
        stem, _, number = name.rpartition("-")
        while name in taken:
            number = str(int(number) + 1)
            name = f"{stem}-{number}"
        taken.add(name)
        named.append(case.model_copy(update={"id": name}))
    return named


def check(args: argparse.Namespace) -> int:
    """Return 1 where a case to tune on is, in almost the same words, also one to judge by; files count as one suite."""
    files = [name for name in args.suite if Path(name).is_file() or Path(name).suffix in (".yaml", ".yml", ".json")]
    suites = [name for name in args.suite if name not in files] if args.suite else list(catalogue.cards())
    parts = {name: list(catalogue.load(name).cases) for name in suites}
    if files:
        parts[", ".join(files)] = [case for name in files for case in load_cases(Path(name))]
    leaks = 0
    for name, cases in parts.items():
        found = near_duplicates(cases)
        leaks += sum(each.leak for each in found)
        print(f"{name}: {len(cases)} cases, {len(found)} near duplicates, {sum(e.leak for e in found)} leaks")
        for each in found:
            print(f"  {each.text}")
    return 1 if leaks else 0
