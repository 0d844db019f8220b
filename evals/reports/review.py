"""A page on which a person labels answers: one file, no request; the labels are saved from it as a file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from evals.judges.labels import NOTE, answer_hash
from evals.suite import CaseResult

_STYLE = (Path(__file__).with_name("page.css")).read_text(encoding="utf-8")
_SCRIPT = (Path(__file__).with_name("review.js")).read_text(encoding="utf-8")


def review_page(queue: Sequence[tuple[str, CaseResult]], inputs: Mapping[str, str], *, blind: bool = True) -> str:
    """Return the page; `inputs` by "suite case". `blind` hides the scorers' verdicts, which would sway the person."""
    policy = f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}"
    cards = "".join(_card(suite, result, inputs.get(f"{suite} {result.case}", ""), blind) for suite, result in queue)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>Review of {len(queue)} answers</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{len(queue)} answers to label</h1><p><label>your name <input id='by'></label> "
        "<span id='count'>0 labelled</span> <a id='save' download='labels.jsonl' href='#'>save labels.jsonl</a></p>"
        "<p>Then: <code>lyceum eval review RUN --labels labels.jsonl</code></p></header>"
        f"{cards}<script>{_SCRIPT}</script></body></html>\n"
    )


def _card(suite: str, result: CaseResult, asked: str, blind: bool) -> str:
    about = {"suite": suite, "case": result.case, "trial": result.trial, "answer": answer_hash(result)}
    choices = "".join(
        f"<label><input type='radio' name='{escape(suite)}-{escape(result.case)}-{result.trial}' value='{kind}'> {kind}"
        "</label> "
        for kind in ("right", "wrong", "unsure")
    )
    judged = "" if blind else f"<p>judged: <b class='{result.verdict}'>{result.verdict}</b></p>"
    return (
        f"<section class='label' data-about='{escape(json.dumps(about), quote=True)}'>"
        f"<h3>{escape(suite)}: {escape(result.case)}</h3><pre>{escape(asked[:4000])}</pre>"
        f"<pre>{escape(result.outcome.answer[:6000])}</pre>{judged}<p>{choices}"
        f"<input class='note' maxlength='{NOTE}' placeholder='why (optional)'></p></section>"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
