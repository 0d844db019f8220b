"""Where a sentence of what was said ends: facts, summaries and forgetting cut at the same places."""

from __future__ import annotations

import re

_TITLES = "Dr Mr Ms Mrs Mx St Prof Capt Rev e.g i.e approx vs".split()
_NO_END = "".join(rf"(?<!\b{re.escape(title)}\.)" for title in _TITLES)
# "by J. Smith" goes on; "you and I. We" and "in the U.S. We" do not.
SENTENCE = re.compile(rf"(?<=[.!?]){_NO_END}(?<!\s[A-HJ-Z]\.)\s+|\n+")
