"""What a suite is known to do, committed beside it: for each model and split, the verdict of every case.

{"offline": {"dev": {"right": 2, "wrong": 1, ..., "cases": {"a": "right", "b": ["right", "wrong", "right"]},
"failing": {"b": ["answer"]}}}}
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from evals.measures import Measures, measures_of
from evals.stored import NotKept
from evals.suite import CaseResult, Split, Suite, SuiteReport, Verdict
from lyceum.errors import UserError

Verdicts = dict[str, list[Verdict]]  # by case, one a trial
_NUMBERS = re.compile(r"\[\n([\d.,\se+-]+)\n\s*\]")  # a list of them takes one line, not one a number


class Known(BaseModel):
    """One split: counts of verdicts, and the verdict or verdicts of each case; older files have the counts only.

    `failing` names the scorers by which a case is not right, so that what was wrong in one way cannot become wrong in
    another unseen; None in older files, where that is not known. `measures` are kept of suites with randomness only.
    """

    model_config = ConfigDict(extra="forbid")

    right: int
    wrong: int
    declined: int = 0
    error: int = 0
    cases: dict[str, Verdict | Annotated[list[Verdict], Field(min_length=1)]] = {}
    failing: dict[str, list[str]] | None = None
    measures: Measures | None = None

    @property
    def verdicts(self) -> Verdicts:
        return {case: list(given) if isinstance(given, list) else [given] for case, given in self.cases.items()}


class Baseline:
    """A suite's `baseline.json`; a file that is not there knows nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held = _read(path)

    @property
    def models(self) -> list[str]:
        return list(self._held)

    def of(self, model: str, split: Split) -> Known | None:
        return self._held.get(model, {}).get(split)

    def update(self, model: str, suite: Suite, report: SuiteReport, *, random: bool = False) -> None:
        """Make what was measured what is known, for the split that was asked or for all, and write the file.

        Cases that ended in an error are left out: what is known of them is nothing, and that fails later.
        """
        held = self._held.setdefault(model, {})
        if report.split is None:
            held.clear()
        failing = failing_scorers(report.results)
        for split, verdicts in by_split(suite, report.results).items():
            cases: dict[str, Verdict | list[Verdict]] = {
                case: given[0] if len(given) == 1 else given for case, given in verdicts.items() if "error" not in given
            }
            known = {case: names for case, names in failing.items() if case in cases}
            measured = measures_of([each for each in report.results if each.case in cases]) if random else None
            held[split] = Known(**counts(verdicts), cases=cases, failing=known, measures=measured)
        written: dict[str, Any] = {
            name: {split: _told(known) for split, known in splits.items()} for name, splits in self._held.items()
        }
        text = _NUMBERS.sub(
            lambda found: f"[{' '.join(found[1].split())}]", json.dumps(written, indent=1, sort_keys=True)
        )
        beside = self.path.with_name(f".{self.path.name}.new")  # a full disk must not cost what is known
        try:
            beside.write_text(text + "\n", encoding="utf-8")
            beside.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise NotKept(
                f"{self.path} cannot be written: {error.strerror}.",
                next_step="Make room; `lyceum eval score DIR --update-baseline` takes it from the kept run.",
            ) from None


def _told(known: Known) -> dict[str, Any]:
    return known.model_dump(exclude={"measures"} if known.measures is None else None)


def _read(path: Path) -> dict[str, dict[Split, Known]]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
        return TypeAdapter(dict[str, dict[Split, Known]]).validate_python(given)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        said = _first(error) if isinstance(error, ValidationError) else str(error).splitlines()[0]
        raise UserError(
            f"{path} is no baseline: {said}", next_step="Restore it, or measure it again with --update-baseline."
        ) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice, as merging by hand leaves it: the later one would hide the earlier."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands there twice")
    return found


def _first(error: ValidationError) -> str:
    one = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"


def by_split(suite: Suite, results: Iterable[CaseResult]) -> dict[Split, Verdicts]:
    """Return the verdicts of each case's trials, by split; a split that was not asked is absent."""
    of = {case.id: case.split for case in suite.cases}
    found: dict[Split, Verdicts] = {}
    trials: defaultdict[str, list[CaseResult]] = defaultdict(list)
    for result in results:
        trials[result.case].append(result)
    for split in get_args(Split):
        verdicts: dict[str, list[Verdict]] = {
            case: [each.verdict for each in sorted(given, key=lambda each: each.trial)]
            for case, given in trials.items()
            if of.get(case) == split
        }
        if verdicts:
            found[split] = verdicts
    return found


def failing_scorers(results: Iterable[CaseResult]) -> dict[str, list[str]]:
    """Return by case the names of the scorers by which any trial of it is not right."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for result in results:
        if wrong := {score.scorer for score in result.scores if score.verdict != "right"}:
            found[result.case] |= wrong
    return {case: sorted(names) for case, names in found.items()}


def counts(verdicts: Mapping[str, list[Verdict]]) -> dict[str, int]:
    """Return how often each verdict was given."""
    given = [verdict for each in verdicts.values() for verdict in each]
    return {verdict: given.count(verdict) for verdict in get_args(Verdict)}
