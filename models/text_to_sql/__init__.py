"""Questions to SQL with a small language model: linked, written several times, corrected, checked and voted on."""

from __future__ import annotations

from models.text_to_sql.choose import BELIEVED, Candidate, Choice, choose
from models.text_to_sql.propose import SAMPLES, judge, propose, repair

__all__ = ["BELIEVED", "SAMPLES", "Candidate", "Choice", "choose", "judge", "propose", "repair"]
