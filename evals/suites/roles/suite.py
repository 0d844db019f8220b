"""Each agent asked by itself, with what a flow would hand it: its tools, its typed answer, what it will not answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agents import connector, planner
from evals.outcomes import SCORERS
from evals.suite import Case, FrontDoor, Outcome, Suite, load_cases
from evals.suites.attached import attachments

DOCUMENTS = Path(__file__).parents[1] / "tool_use" / "documents"

# The chat carries out what a planner plans; under another name its plan is the answer. No third-party server runs here:
# one of our own stands in its place.
ALONE = (
    replace(planner.ROLE, name="planner_alone"),
    replace(
        connector.ROLE,
        name="connector_alone",
        servers=tuple("basics" if server == connector.CONNECTED else server for server in connector.ROLE.servers),
    ),
)


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    """Ask the agent that the case's tag `agent:NAME` names; without one, whoever the request goes to."""
    named = next((tag.removeprefix("agent:") for tag in case.tags if tag.startswith("agent:")), None)
    return await front_door.ask(case.input, attach=attachments(case, DOCUMENTS), agent=named)


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("roles", __doc__ or "", cases, answer, SCORERS, roles=ALONE)
