"""Text as whoever hid something in it meant it to be read: signs that nobody sees, look-alikes, codes."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

LONGEST = 4000  # characters that are looked at in other ways than as they stand
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
                     "\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]")  # fmt: skip
_ALIKE = str.maketrans(
    "аеорсухіјѕһԁԛԝАВЕКМНОРСТУХІЅοαεικνρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijshdqwABEKMHOPCTYXISoaeiknptuxABEZHIKMNOPTYX",
)
# Words of which an order has at least one, so that not every sentence has to be read in every way.
_TELLING = ("instruct", "prompt", "rules", "guideline", "assistant", "the user", "your", "report", "answer", "before")
_MOVED = tuple(codecs.encode(word, "rot13") for word in _TELLING)
_TURNED = tuple(word[::-1] for word in _TELLING)
_LATIN = re.compile(r"[A-Za-z]")
_LEET = str.maketrans("0134578@$", "oieastbas")
_DIGIT_IN_WORD = re.compile(r"[a-z][0134578@$]|[0134578@$][a-z]", re.IGNORECASE)
_SPACED = re.compile(r"(?:\b\w\b[\s.\-_*]{1,3}){5,}\w\b")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[\s:]?){16,}")


def plain(text: str) -> str:
    """Return a text without what nobody sees, entities resolved and look-alike letters of other scripts in Latin."""
    text = html.unescape(text) if "&" in text else text
    text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    if text.isascii() or not _LATIN.search(text):
        return text
    return re.sub(r"\S*[A-Za-z]\S*|\S+", lambda word: word[0].translate(_ALIKE), text)


def decoded(text: str) -> Iterator[str]:
    """Yield what a text may stand for besides itself: letters moved, turned round, swapped for digits, encoded."""
    text = text[:LONGEST]
    if "%" in text and (unquoted := unquote(text)) != text:
        yield unquoted
    if "_" in text or "-" in text:
        yield re.sub(r"(?<=[A-Za-z])[_-]+(?=[A-Za-z])", " ", text)
    if _DIGIT_IN_WORD.search(text):
        yield text.translate(_LEET)
    if _SPACED.search(text):
        yield _SPACED.sub(lambda run: _closed(run[0]), text)
    lowered = text.lower()
    if any(word in lowered for word in _MOVED):
        yield codecs.encode(text, "rot13")
    if any(word in lowered for word in _TURNED):
        yield text[::-1]
    for run in _BASE64.findall(text):
        yield from _bytes(run, hexadecimal=False)
    for run in _HEX.findall(text):
        yield from _bytes(re.sub(r"[\s:]", "", run), hexadecimal=True)


def _closed(run: str) -> str:
    """Join letters that stand apart; wider gaps are those between words."""
    words = re.split(r"\s{2,}", run)
    return " ".join(re.sub(r"[\s.\-_*]", "", word) for word in words)


def _bytes(run: str, *, hexadecimal: bool) -> Iterator[str]:
    try:
        data = bytes.fromhex(run) if hexadecimal else base64.b64decode(run + "=" * (-len(run) % 4), altchars=b"-_")
        text = data.decode("ascii")
    except (ValueError, binascii.Error):
        return
    if text.isprintable():
        yield text
