"""Judging by a language model, and whether that judge agrees with people well enough to decide anything."""

from evals.judges.admission import Admission, admit
from evals.judges.agreement import Agreement, agreement
from evals.judges.judge import Ask, Judge, Judgement, Preference
from evals.judges.labels import Label, Labels

__all__ = ["Admission", "Agreement", "Ask", "Judge", "Judgement", "Label", "Labels", "Preference", "admit", "agreement"]
