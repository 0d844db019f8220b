"""The roster: everyone a workflow can call by name."""

from __future__ import annotations

from collections.abc import Mapping

from agents import (
    archivist,
    calculator,
    clarifier,
    coder,
    connector,
    memory,
    planner,
    researcher,
    reviewer,
    sql,
    tutor,
    verifier,
    writer,
)
from agents.role import Role

TEAM: Mapping[str, Role] = {
    member.ROLE.name: member.ROLE
    for member in (
        planner,
        researcher,
        sql,
        coder,
        calculator,
        reviewer,
        tutor,
        writer,
        verifier,
        memory,
        archivist,
        connector,
        clarifier,
    )
}
