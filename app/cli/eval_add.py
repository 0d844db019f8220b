"""`lyceum eval add` and `lyceum eval check`: suites grow by what really happened, and hold nothing twice."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from app.cli.terminal import say
from evals import catalogue
from evals.growing.cases import from_document, from_run, variants
from evals.growing.near import ALIKE, alike, near_duplicates
from evals.recording.events import from_events
from evals.suite import Case, load_cases
from lyceum.errors import UserError
from lyceum.settings import Settings


def add(args: argparse.Namespace, settings: Settings) -> int:
    """Append cases to a file: of a run of the product (its id), or of a document (its path)."""
    if not args.suite:
        raise UserError("Add what? lyceum eval add RUN --to CASES.yaml", next_step="`lyceum runs list` shows runs.")
    if args.to is None:
        raise UserError("Add it where?", next_step="Give --to FILE, such as evals/suites/NAME/cases.yaml.")
    new: list[Case] = []
    for name in args.suite:
        if Path(name).is_file():
            new += from_document(Path(name), split=args.into)
        else:
            new.append(asyncio.run(_of_run(args, settings, name)))
    if args.adversarial:
        new += [variant for case in new for variant in variants(case)]
    known = list(load_cases(args.to)) if args.to.exists() else []
    kept = _unknown(new, known)
    if not kept:
        say("nothing was added")
        return 1
    _append(args.to, kept)
    say(f"{len(kept)} cases were added to {args.to}: look at what they expect, then --update-baseline")
    return 0


async def _of_run(args: argparse.Namespace, settings: Settings, run: str) -> Case:
    from app.stores import close_store, open_store

    store = open_store(settings)
    try:
        held = await store.run(run)
        trajectory = from_events(await store.events(held.id))
    finally:
        await close_store(store)
    if not trajectory.input:
        raise UserError(f"Run {run} asked nothing.", next_step="Take a run of a chat or of research.")
    return from_run(trajectory, args.id or f"run-{run}", split=args.into)


def _unknown(new: list[Case], known: list[Case]) -> list[Case]:
    """Leave out what is there already, in almost the same words; variants of one case are meant to be alike."""
    kept: list[Case] = []
    for case in new:
        if case.id in {each.id for each in [*known, *kept]}:
            raise UserError(f"There is a case {case.id!r} already.", next_step="Give another --id.")
        same = next((each for each in known if alike(each.input, case.input) >= ALIKE), None)
        if same is None:
            kept.append(case)
            continue
        leak = f", which is in {same.split}: it would leak" if same.split != case.split else ""
        say(f"left out {case.id}: it asks what {same.id} asks{leak}")
    return kept


def _append(path: Path, cases: list[Case]) -> None:
    import yaml

    told = [case.model_dump(mode="json", exclude_defaults=True) | {"split": case.split} for case in cases]
    text = yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=110)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def check(args: argparse.Namespace) -> int:
    """Return 1 where a case to tune on is, in almost the same words, also one to judge by."""
    leaks = 0
    for name in args.suite or list(catalogue.cards()):
        cases = load_cases(Path(name)) if Path(name).is_file() else catalogue.load(name).cases
        found = near_duplicates(cases)
        leaks += sum(each.leak for each in found)
        print(f"{name}: {len(cases)} cases, {len(found)} near duplicates, {sum(e.leak for e in found)} leaks")
        for each in found:
            print(f"  {each.text}")
    return 1 if leaks else 0
