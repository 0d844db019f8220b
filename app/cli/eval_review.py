"""`lyceum eval review RUN`: a person says which answers are right, in the terminal or on a page in one file."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from app.cli.terminal import neutral, say
from evals import catalogue
from evals.judges.labels import NOTE, Label, Labels, Verdict, answer_hash, queue, read_labels
from evals.reports.review import review_page
from evals.stored import StoredRun
from evals.suite import CaseResult
from lyceum.errors import UserError

CHOICES: dict[str, Verdict] = {
    **{"r": "right", "w": "wrong", "u": "unsure"},
    **{"right": "right", "wrong": "wrong", "unsure": "unsure"},
}


def review(args: argparse.Namespace) -> int:
    """Label answers, write the page for it (`--html`), or take labels from it (`--labels`)."""
    if len(args.suite) != 1:
        raise UserError("Review which run? lyceum eval review FOLDER", next_step="`lyceum eval run` names its folder.")
    run = StoredRun.open(Path(args.suite[0]))
    labels = Labels(run.folder)
    if args.labels:
        return _taken(args, run, labels)
    by = args.by or _me()
    left = queue(run, labels, None if args.html else by)[: args.limit]
    inputs = _inputs(run)
    if args.html:
        try:
            args.html.write_text(review_page(left, inputs), encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"{args.html} cannot be written: {error.strerror}.", next_step="Give --html FILE."
            ) from None
        say(f"{len(left)} answers to label are in {args.html}; open it in a browser")
        return 0
    if not left:
        say("every answer is labelled")
        return 0
    return _terminal(left, inputs, labels, by)


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in many containers
        return "me"


def _taken(args: argparse.Namespace, run: StoredRun, labels: Labels) -> int:
    """Take labels from a page; those without a name are by `--by`. Labels of other answers are not taken."""
    given = [each.model_copy(update={"by": each.by or args.by}) for each in read_labels(args.labels)]
    answers = {(suite, result.case, answer_hash(result)) for suite, result in run.samples()}
    fitting = [each for each in given if (each.suite, each.case, each.answer) in answers]
    say(f"{labels.merge(fitting)} new labels; {len(labels)} in {labels.path}")
    if strange := len(given) - len(fitting):
        say(f"{strange} were left out: they are about answers that are not in this run")
    return 1 if given and not fitting else 0


def _inputs(run: StoredRun) -> dict[str, str]:
    known = catalogue.cards()
    suites = [catalogue.load(name) for name in run.manifest.suites if name in known]
    return {f"{suite.name} {case.id}": case.input for suite in suites for case in suite.cases}


def _terminal(left: list[tuple[str, CaseResult]], inputs: dict[str, str], labels: Labels, by: str) -> int:
    """Show one answer after the other; the scorers' verdicts are not shown, for they would sway the person."""
    for number, (suite, result) in enumerate(left, 1):
        asked = inputs.get(f"{suite} {result.case}", "")
        say(f"\n{number}/{len(left)} {suite}: {result.case}\n? {asked}")
        print(neutral(result.outcome.answer or "(no answer)"), flush=True)
        while True:
            sys.stderr.write("[r]ight, [w]rong, [u]nsure, each with a note; [s]kip, [q]uit: ")
            sys.stderr.flush()
            line = sys.stdin.readline()
            word, _, note = line.strip().partition(" ")
            choice = word.lower()
            if not line or choice in ("q", "quit"):
                say(f"{len(labels)} labels are in {labels.path}")
                return 0
            if choice in ("s", "skip"):
                break
            if choice in CHOICES:
                label = CHOICES[choice]
                about = {"suite": suite, "case": result.case, "trial": result.trial, "answer": answer_hash(result)}
                labels.add(Label.model_validate({**about, "label": label, "by": by, "note": note.strip()[:NOTE]}))
                break
            say("That is none of the answers.")
    say(f"{len(labels)} labels are in {labels.path}; a judge is held to them: lyceum eval judge {labels.path.parent}")
    return 0
