# ruff: noqa: E501 - a form reads best on its line
"""Sums, dates and times among requests: which everyday tool a request is for, and with which arguments.

It decides by the shape of the whole request, so that a question about a subject is never taken for a sum.
"""

from __future__ import annotations

import re

from models.offline.skill import Call

_OPENING = re.compile(
    r"^(?:please\s+)?(?:(?:can|could) you\s+)?(?:tell me\s+)?(?:what(?:'s| is| are| does)|how (?:much|many) (?:is|are)|calculate"
    r"|compute|work out|evaluate|solve|convert|express|find)\s+(?:the (?:value|result) of\s+)?",
    re.IGNORECASE,
)
_N = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_MONEY = r"[$€£¥₹]?"
_UNIT = r"(?:[a-zA-Zµ°]{1,20}(?:\^?[23]|[²³])?)"
_UNITS = rf"(?:(?:square|cubic|sq|cu|fluid|nautical|metric|light|degrees?|troy) )?{_UNIT}(?:(?:/| per ){_UNIT})?"
_FUNCTIONS = (
    "sqrt|cbrt|abs|round|floor|ceil|min|max|sum|total|product|mean|average|median|stdev|exp|ln|log|log10|log2|sin|cos"
    "|tan|asin|acos|atan|atan2|factorial|gcd|lcm|choose|comb|perm"
)
_OPERATORS = re.compile(
    r"\*\*|//|[-+*/^×÷·−]|(?<=\d) ?x ?(?=\d)|\bplus\b|\bminus\b|\btimes\b|\b(?:divided|multiplied) by\b|\bmod\b",
    re.IGNORECASE,
)
_TERM = re.compile(rf"{_MONEY}{_N}(?:\s?{_UNITS})?\s?(?:%|percent)?!?|pi|π|{_UNIT}", re.IGNORECASE)
_PARENTHESES = re.compile(rf"(?:\b(?:{_FUNCTIONS}))?\([^()]*\)")
_NUMBER_WORDS = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    "|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|and"
)
_WORDED = re.compile(
    rf"(?:(?:{_NUMBER_WORDS})[\s-]+)+(?:plus|minus|times|divided by|multiplied by)(?:[\s-]+(?:{_NUMBER_WORDS}))+",
    re.IGNORECASE,
)
_AMOUNT = rf"{_MONEY}{_N}(?: ?{_UNITS})?"
_PERCENT = r"(?:%| percent| per cent)"
# Whole requests that are sums without an operator between two numbers.
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_N}\s?{_PERCENT} (?:of|off|on) {_AMOUNT}(?: (?:in|to|into|as) {_UNITS})?",
        rf"{_AMOUNT} [-+] {_N}\s?%|{_AMOUNT} (?:plus|minus|less) {_N}\s?{_PERCENT}",
        rf"(?:increase|decrease|reduce|raise) {_AMOUNT} by {_N}\s?{_PERCENT}",
        rf"{_AMOUNT} (?:increased|decreased|reduced|raised|discounted) by {_N}\s?{_PERCENT}",
        rf"what percent(?:age)? of {_AMOUNT} (?:is|are) {_AMOUNT}|{_AMOUNT} is what percent(?:age)? of {_AMOUNT}",
        rf"{_AMOUNT} as an? percent(?:age)? of {_AMOUNT}",
        rf"(?:the )?percent(?:age)? (?:change|increase|decrease|growth|drop) (?:from|between) {_AMOUNT} (?:to|and) {_AMOUNT}",
        rf"an? {_N}\s?{_PERCENT} tip on {_AMOUNT}",
        rf"-?{_N} ?{_UNITS}(?: (?:and )?{_N} ?{_UNITS})? (?:in|to|into|as) {_UNITS}(?: and {_UNITS})?",
        rf"how (?:many|much) {_UNITS} (?:are |is )?(?:there )?(?:in|make) (?:an? |one |{_N} ?){_UNITS}",
        rf"(?:the )?(?:square|cube) root of {_N}|{_N} (?:squared|cubed|factorial)|{_N}!|(?:the )?factorial of \d+",
        rf"(?:the )?(?:sum|average|mean|median|product) of {_N}(?:(?:, | and |, and ){_N})+",
        rf"(?:{_FUNCTIONS})\(.*\)",
        rf"{_N} % {_N}",
        rf"{_N} (?:in|to) (?:binary|hex|hexadecimal|octal)",
    )
]

_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
_DAY = (
    rf"(?:\d{{4}}-\d{{1,2}}-\d{{1,2}}|\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}|(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? \d{{4}})?"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?|(?:(?:next|last|this) )?{_WEEKDAY}|today|tomorrow|yesterday|now"
    rf"|christmas(?: (?:day|eve))?(?: \d{{4}})?|new year'?s?(?: (?:day|eve))?(?: \d{{4}})?"
    rf"|the (?:first|second|third|fourth|last) {_WEEKDAY} (?:of|in) {_MONTH}(?: \d{{4}})?|\d{{4}}-W\d{{1,2}}(?:-\d)?"
    rf"|week \d{{1,2}}(?: of| in)? \d{{4}}|the (?:first|last|end) (?:day )?of {_MONTH}(?: \d{{4}})?)"
)
_COUNTED = r"(business days|working days|weekdays|days|weeks|months|years)"
_BETWEEN = re.compile(
    rf"(?:how (?:many|long)|the number of|number of|count the)\s*{_COUNTED}?(?: are there| is it| are| is| lie)?"
    rf"(?: (?:between|from|since|until|till|to|before))? ({_DAY})(?: (?:and|to|until|till|through) ({_DAY}))?",
    re.IGNORECASE,
)
_SPAN = r"(\d{1,5}|a|an|one|two|three|four|five|six|seven|eight|nine|ten) (business day|working day|weekday|day|week|month|year)s?"
_SHIFT = re.compile(
    rf"(?:(?:what|which) (?:date|day)(?: of the week)?(?: is| will it be| was| was it)?|when (?:is|was)) (?:it )?"
    rf"{_SPAN} (after|from|before) ({_DAY})",
    re.IGNORECASE,
)
_IN_TIME = re.compile(
    rf"(?:(?:what|which) (?:date|day)(?: of the week)?(?: is| will) it(?: be)?|what is the date) (?:in {_SPAN}|{_SPAN} (ago))",
    re.IGNORECASE,
)
_WHICH_DAY = re.compile(
    rf"(?:(?:what|which) (?:weekday|day of the week|day|date|iso week|week|week number|quarter)(?: is| was| will)?(?: it)?(?: be)?(?: on| in)?"
    rf"|(?:what|when) is(?: the date(?: of| on| for)?)?|what's(?: the date(?: of)?)?|when was) ({_DAY})(?:'s date)?(?: on| in| be| fall on)?",
    re.IGNORECASE,
)
_TODAY = re.compile(
    r"what(?:'s| is) (?:the |today'?s )date(?: today)?|what (?:day|date) is (?:it )?today|what day is it|what(?:'s| is) today'?s date",
    re.IGNORECASE,
)
_CLOCK = r"(\d{1,2}(?::\d{2})?\s?(?:am|pm|a\.m\.|p\.m\.)?|noon|midnight)"
_PLACE = r"((?:[a-z]+/[a-z_]+)|(?:utc|gmt)(?:[+-]\d{1,2}(?::?\d{2})?)?|[a-z]+(?: [a-z]+){0,2})"
_TIMES = [
    (re.compile(rf"(?:what(?:'s| is) )?{_CLOCK} (?:in )?{_PLACE}(?: time)? in {_PLACE}(?: time)?", re.IGNORECASE), (1, 2, 3)),
    (re.compile(rf"what(?:'s| is) (?:the )?time (?:is it )?in {_PLACE} (?:when|if) it(?:'s| is) {_CLOCK} in {_PLACE}", re.IGNORECASE), (2, 3, 1)),
    (re.compile(rf"what time is it in {_PLACE} (?:when|if) it(?:'s| is) {_CLOCK} in {_PLACE}", re.IGNORECASE), (2, 3, 1)),
    (re.compile(rf"what time is it (?:now )?in {_PLACE}(?: now| right now)?|what(?:'s| is) the (?:current )?time in {_PLACE}(?: now)?", re.IGNORECASE), ()),
]  # fmt: skip


def everyday_call(request: str) -> Call | None:
    """Return the call that works out a request, or None where it is no sum and no question about dates or times."""
    asked = " ".join(request.split()).strip(" ?.=")
    if not asked or len(asked) > 400:
        return None
    return _date_call(asked) or _time_call(asked) or _sum_call(asked)


def _sum_call(asked: str) -> Call | None:
    plain = _OPENING.sub("", asked)
    flat = plain
    for _ in range(10):  # what stands in parentheses counts as a number
        flat, found = _PARENTHESES.subn(lambda match: "1" if re.search(r"\d", match.group()) else match.group(), flat)
        if not found:
            break
    flat = re.sub(rf" in {_UNITS}$", "", flat)
    is_sum = (
        any(form.fullmatch(each) for form in _FORMS for each in (asked, plain))
        or (_is_chain(flat) and not _looks_like_something_else(plain))
        or _WORDED.fullmatch(plain)
    )
    return Call("basics_calculate", {"expression": asked}) if is_sum else None


def _is_chain(flat: str) -> bool:
    """Tell whether numbers, with units or without, are joined by operators and nothing else.

    Cut at the operators rather than matched whole: a pattern of terms and operators would take time without end.
    """
    terms = [term.strip() for term in _OPERATORS.split(flat)]
    numbers = [term for term in terms if re.search(r"\d|^pi\b|π", term)]
    return len(numbers) >= 2 and terms[-1] != "" and all(not term or _is_term(term) for term in terms)


def _is_term(term: str) -> bool:
    """Tell whether it is a number, with its unit or without, or a sum of one: `15% of 340`, `square root of 2`."""
    return any(form.fullmatch(term) for form in (_TERM, *_FORMS))


def _looks_like_something_else(plain: str) -> bool:
    """A date, a telephone number or a version is no difference or quotient."""
    return bool(re.fullmatch(r"[\d\s]+(?:[-/][\d\s]+){2,}|\d{2,}-\d{2,}", plain.strip()))


def _date_call(asked: str) -> Call | None:
    if found := _BETWEEN.fullmatch(asked):
        unit, first, last = (found[1] or "days").lower(), found[2], found[3]
        unit = "business days" if unit in ("working days", "weekdays") else unit
        start, end = (first, last) if last else ("today", first)
        if not last and "since" in asked.lower():
            start, end = first, "today"
        return Call("basics_days_between", {"start": start, "end": end, "unit": unit})
    if found := _SHIFT.fullmatch(asked):
        return Call("basics_date_shift", {"start": found[4], **_moved(found[1], found[2], back=found[3] == "before")})
    if found := _IN_TIME.fullmatch(asked):
        count, span = (found[1], found[2]) if found[1] else (found[3], found[4])
        return Call("basics_date_shift", {"start": "today", **_moved(count, span, back=bool(found[5]))})
    if _TODAY.fullmatch(asked):
        return Call("basics_date", {"text": "today"})
    if found := _WHICH_DAY.fullmatch(asked):
        return Call("basics_date", {"text": found[1]})
    return None


_COUNTS = {"a": 1, "an": 1} | {
    word: n for n, word in enumerate("one two three four five six seven eight nine ten".split(), 1)
}


def _moved(count: str, span: str, *, back: bool) -> dict[str, int]:
    name = {"business day": "business_days", "working day": "business_days", "weekday": "business_days"}
    number = _COUNTS.get(count.lower()) or int(count)
    return {name.get(span.lower(), f"{span.lower()}s"): -number if back else number}


def _time_call(asked: str) -> Call | None:
    for form, places in _TIMES:
        if found := form.fullmatch(asked):
            if not places:
                return Call("basics_time_zone", {"to_zone": found[1] or found[2]})
            time, source, target = (found[place] for place in places)
            if not re.search(r":|[ap]\.?m|noon|midnight", time, re.IGNORECASE):
                return None if form is _TIMES[0][0] else _zoned(f"{time}:00", source, target)
            return _zoned(time, source, target)
    return None


def _zoned(time: str, source: str, target: str) -> Call:
    return Call("basics_time_zone", {"time": time, "from_zone": source, "to_zone": target})
