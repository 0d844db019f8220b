"""Would a model be admitted as judge? Its verdicts against what people said about the same answers.

The labels are those of QA-Eval (github.com/wangcunxiang/QA-Eval, Apache-2.0): answers of five systems to questions of
Natural Questions, each called right or wrong by people. Run: `python -m benchmarks.evals_judge --data FOLDER --model M
[--keep]`, where FOLDER holds that repository. As many right as wrong answers are drawn, with the reference answer;
pairs are a right and a wrong answer to one question, in both orders. Verdicts are kept in `--folder` as they come, so
that a run which was stopped goes on. `--keep` writes `benchmarks/results/evals_judge.json`, one entry a model, and the
table in `docs/evals-suites.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.eval_judge import REPEATS, RUBRIC, SOME, asking
from benchmarks.pages import in_place, keep
from evals.judges import Judge, admit
from evals.suite import Case, Outcome
from lyceum.settings import load_settings
from models.cache import uncached
from models.resolve import ResolvedModels

RESULT = Path(__file__).parent / "results" / "evals_judge.json"
PAGE = Path(__file__).parents[1] / "docs" / "evals-suites.md"
SYSTEMS = ("fid", "gpt35", "chatgpt", "gpt4", "newbing")


@dataclass(frozen=True)
class Labelled:
    """An answer that people called right or wrong, and one to the same question that they called the opposite."""

    case: Case
    answer: str
    right: bool
    opposite: str


def drawn(data: Path, count: int) -> list[Labelled]:
    """Return `count` answers, right and wrong ones in turn, of different questions, in one fixed random order."""
    file = next(iter(sorted(data.rglob("NQ.json"))), None)
    if file is None:
        raise SystemExit(f"{data} holds no NQ.json: fetch github.com/wangcunxiang/QA-Eval and give its folder")
    rng = random.Random(17)
    questions: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    rng.shuffle(questions)
    found: list[Labelled] = []
    for each in questions:
        said: dict[bool, list[str]] = {True: [], False: []}
        for system in SYSTEMS:
            if not each["improper"] and isinstance(each[f"judge_{system}"], bool):
                said[each[f"judge_{system}"]].append(each[f"answer_{system}"])
        if not (said[True] and said[False]):
            continue
        right = len(found) % 2 == 0
        case = Case(
            id=str(len(found)),
            input=each["question"],
            expected={"reference": each["golden_answer"].replace("/", " or ")},
        )
        found.append(Labelled(case, rng.choice(said[right]), right, rng.choice(said[not right])))
        if len(found) == count:
            break
    return found


async def measured(model: str, data: Path, count: int, pairs: int, folder: Path) -> dict[str, Any]:
    """Ask what was not asked yet, and hold the judge to the labels."""
    folder.mkdir(parents=True, exist_ok=True)
    kept_at = folder / f"{model.replace(':', '-')}.jsonl"
    lines = kept_at.read_text(encoding="utf-8").splitlines() if kept_at.exists() else []
    kept: dict[tuple[str, int], dict[str, Any]] = {(one["kind"], one["n"]): one for one in map(json.loads, lines)}
    labelled = drawn(data, count)
    models = ResolvedModels(load_settings().model_copy(update={"model": model, "offline": False}), os.environ)
    judge = Judge(model, RUBRIC, asking(models.get()))
    wanted = [("alone", n) for n in range(len(labelled))] + [("pair", n) for n in range(min(pairs, len(labelled)))]
    try:
        with uncached():
            for kind, n in wanted:
                if (kind, n) in kept:
                    continue
                one = {"kind": kind, "n": n, "person": labelled[n].right, **await _asked(judge, labelled[n], kind, n)}
                kept[kind, n] = one
                with kept_at.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(one, ensure_ascii=False) + "\n")
                print(kind, n, one, flush=True)
    finally:
        await models.close()
    return summed([kept[each] for each in wanted])


async def _asked(judge: Judge, one: Labelled, kind: str, n: int) -> dict[str, Any]:
    if kind == "alone":
        told = await judge.judge(one.case, Outcome(answer=one.answer), samples=REPEATS if n < SOME else 1)
        return {"right": told.right, "steady": told.steady}
    better, unswayed = await judge.prefer(one.case, Outcome(answer=one.answer), Outcome(answer=one.opposite))
    return {"better": better, "unswayed": unswayed}


def summed(kept: list[dict[str, Any]]) -> dict[str, Any]:
    """Return whether the judge is admitted, why not, and how it agreed with people."""
    alone = [one for one in kept if one["kind"] == "alone"]
    pairs = [one for one in kept if one["kind"] == "pair"]
    found = admit(
        [(one["person"], one["right"]) for one in alone],
        steady=[one["steady"] for one in alone if one["n"] < SOME],
        unswayed=[one["unswayed"] for one in pairs],
    )
    chosen = sum(one["better"] == ("one" if one["person"] else "other") for one in pairs)
    return {
        "labels": len(alone),
        "right_called_right": sum(one["right"] for one in alone if one["person"]),
        "wrong_called_wrong": sum(not one["right"] for one in alone if not one["person"]),
        "agreement": None if found.agreement is None else vars(found.agreement),
        "steady": found.steady,
        "pairs": len(pairs),
        "pairs_unswayed": found.unswayed,
        "pairs_right": chosen,
        "admitted": found.admitted,
        "reasons": list(found.reasons),
    }


def written(page: str, held: dict[str, Any]) -> str:
    """Return the page with the table between its marks."""
    rows = [
        "| model | right ones called right | wrong ones called wrong | kappa | agrees with itself "
        "| pairs: unswayed, right | admitted |",
        "| --- " * 7 + "|",
    ]
    for model, one in held.items():
        agreed = one["agreement"]
        wrong = one["labels"] - agreed["positives"]
        rows.append(
            f"| {model} | {one['right_called_right']} of {agreed['positives']} "
            f"| {one['wrong_called_wrong']} of {wrong} "
            f"| {agreed['kappa']:.2f} [{agreed['kappa_low']:.2f} to {agreed['kappa_high']:.2f}] | {one['steady']:.0%} "
            f"| {one['pairs_unswayed']:.0%}, {one['pairs_right']} of {one['pairs']} "
            f"| {'yes' if one['admitted'] else 'no'} |"
        )
    return in_place(page, "judge", "\n" + "\n".join(rows) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of QA-Eval")
    parser.add_argument("--model", required=True)
    parser.add_argument("--count", type=int, default=100, help="answers, half of them right")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/lyceum-judge"))
    parser.add_argument("--keep", action="store_true", help="write the committed result and the table")
    options = parser.parse_args()
    result = asyncio.run(measured(options.model, options.data, options.count, options.pairs, options.folder))
    print(json.dumps(result, indent=1))
    if options.keep:
        keep(result, options.model, RESULT, PAGE, written)


if __name__ == "__main__":
    main()
