"""Trajectories against expectations: a partial order of steps, what must not happen, and what it may cost."""

from evals.matching.expectation import Expectation
from evals.matching.match import Match, match

__all__ = ["Expectation", "Match", "match"]
