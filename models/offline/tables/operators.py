"""A question as a row of items: operators (counting, comparing, ordering), links to the schema, numbers and dates."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from lyceum.tables import Schema
from models.tables.link import Candidate, ValueHit, hinted, is_content, link_tokens, span_candidates
from models.tables.words import TIME_UNITS, Token, lemma, tokenize

SUPERLATIVES = {
    "longest": ("desc", "length"), "shortest": ("asc", "length"), "cheapest": ("asc", "price"), "priciest": ("desc", "price"),
    "most expensive": ("desc", "price"), "least expensive": ("asc", "price"), "costliest": ("desc", "price"),
    "oldest": ("asc", "birth"), "youngest": ("desc", "birth"), "heaviest": ("desc", "weight"), "lightest": ("asc", "weight"),
    "tallest": ("desc", "height"), "newest": ("desc", "date"), "latest": ("desc", "date"), "most recent": ("desc", "date"),
    "most recently": ("desc", "date"), "earliest": ("asc", "date"), "highest paid": ("desc", "salary"),
    "lowest paid": ("asc", "salary"), "best paid": ("desc", "salary"), "highest rated": ("desc", "rating"),
    "top rated": ("desc", "rating"), "best rated": ("desc", "rating"), "lowest rated": ("asc", "rating"),
    "highest": ("desc", ""), "maximum": ("desc", ""), "max": ("desc", ""), "largest": ("desc", ""), "biggest": ("desc", ""),
    "greatest": ("desc", ""), "lowest": ("asc", ""), "minimum": ("asc", ""), "min": ("asc", ""), "smallest": ("asc", ""),
}  # fmt: skip
COMPARATIVES = {
    "longer than": (">", "length"), "shorter than": ("<", "length"), "cheaper than": ("<", "price"),
    "more expensive than": (">", "price"), "heavier than": (">", "weight"), "lighter than": ("<", "weight"),
    "taller than": (">", "height"), "older than": (">", "age"), "younger than": ("<", "age"),
    "costs more than": (">", "price"), "cost more than": (">", "price"), "costing more than": (">", "price"),
    "costs less than": ("<", "price"), "cost less than": ("<", "price"), "costing less than": ("<", "price"),
    "priced over": (">", "price"), "priced above": (">", "price"), "priced under": ("<", "price"), "priced below": ("<", "price"),
    "priced at": ("=", "price"), "lasting more than": (">", "length"), "lasting less than": ("<", "length"),
}  # fmt: skip
_NOT_HAVE = r"(?:do|does|did|have|has|had) not (?:have|had)(?: an?y?)?|(?:don't|doesn't|didn't) have(?: an?y?)?"
# (tag, pattern, detail); the longest match at a word wins, the first of equals.
PATTERNS: list[tuple[str, str, str]] = [
    ("unsupported", r"why|predict\w*|forecast\w*|correlat\w*|median|mode|trend\w*|rank|ranked|ranking|running|cumulative|moving", ""),
    ("unsupported", r"growth|grew|grown|compare[ds]?|compared to|comparison|versus|vs|difference|ratio|variance|deviation|percentile", ""),
    ("unsupported", r"quartile|consecutive|streak|second|third|previous|next|today|yesterday|recently|current|currently|ago|now", ""),
    ("unsupported", r"last \d+ \w+|last (?:year|month|week|quarter)|this (?:year|month|week)|if|should|best|worst|popular|typical\w*", ""),
    ("unsupported", r"both|neither|either|whether|respectively|same|except for|increase\w*|decrease\w*|change\w*|churn\w*|retention", ""),
    ("unsupported", r"at least once|more than once|twice|only|another|other|others|most \w+ly|is there|are there any|better|worse", ""),
    ("unsupported", r"if any|update|delete|insert|drop|add|remove|alter|every single|outside|earned per|per capita|year over year", ""),
    ("count", r"how many|(?:the )?(?:total )?number of|(?:the )?(?:total )?count of|count|how often|numbers of", ""),
    ("share", r"(?:what )?(?:percentage|percent|share|proportion|fraction) of(?: all| the)?", ""),
    ("sum", r"total|sum of|sum|combined|altogether|in total|total amount of|how much|overall", "sum"),
    ("average", r"average|mean|avg|on average|averaged?", "avg"),
    ("most", r"(?:the )?most|(?:the )?(?:largest|highest|greatest|biggest|maximum) number of|(?:the )?most number of|most often", "desc"),
    ("most", r"(?:the )?fewest|(?:the )?least|(?:the )?(?:smallest|lowest|minimum|least) number of", "asc"),
    ("common", r"most (?:common|frequent|frequently used|used)|commonest", "desc"),
    ("common", r"least (?:common|frequent|frequently used|used)", "asc"),
    ("top", r"top|first", "desc"),
    ("top", r"bottom", "asc"),
    ("compare", r"(?:is |are |was )?(?:more|greater|higher|larger|bigger) than|over|above|exceed(?:s|ed|ing)?|>", ">"),
    ("compare", r"at least|no less than|not less than|minimum of|a minimum of|>=|no fewer than|not fewer than", ">="),
    ("compare", r"(?:less|fewer|lower|smaller) than|under|below|<", "<"),
    ("compare", r"at most|no more than|not more than|up to|a maximum of|<=", "<="),
    ("compare", r"exactly|equal to|equals|=", "="),
    ("postfix", r"or (?:more|greater|higher|above|over)|and (?:above|over)|\+", ">="),
    ("postfix", r"or (?:less|fewer|lower|below|under)", "<="),
    ("between", r"between", ""),
    ("before", r"before|prior to|earlier than", "<"),
    ("before", r"until|through|up until", "<="),
    ("after", r"after|later than", ">"),
    ("after", r"since|on or after|starting in", ">="),
    ("group", r"for each|for every|in each|in every|of each|of every|on each|each|every|per|grouped by|broken down by|group by|by each", ""),
    ("by", r"by|according to|in terms of|based on", ""),
    ("order", r"(?:sorted|ordered|sort|order|arranged)(?: them| it)?(?: in \w+ order)?(?: of| by)|in order of|in \w+ order of", ""),
    ("direction", r"(?:sorted |ordered )?(?:in )?descending(?: order)?|descending order|in descending order|highest first|from highest to lowest|newest first|largest first|best first|most first", "desc"),
    ("direction", r"(?:sorted |ordered )?(?:in )?ascending(?: order)?|ascending order|in ascending order|lowest first|from lowest to highest|oldest first|alphabetically", "asc"),
    ("direction", r"in alphabetical order|alphabetical order|smallest first|most expensive first", "asc"),
    ("distinct", r"distinct|different|unique|separate", ""),
    ("not", rf"without(?: an?y?)?|with no|with zero|have no|has no|had no|having no|no|not|never|lacks?|lacking|{_NOT_HAVE}", ""),
    ("not", r"(?:is|are|was|were) not|isn't|aren't|wasn't|weren't|other than|except|excluding|don't|doesn't|didn't|haven't|hasn't|non", ""),
    ("like", r"contain(?:s|ing)?|includes?|including|that contains?|with the word|has the word|have the word", "%{}%"),
    ("like", r"(?:start|begin)(?:s|ing|ning)? with|(?:start|begin)(?:s|ing|ning)? with the letter", "{}%"),
    ("like", r"end(?:s|ing)? (?:with|in)", "%{}"),
    ("noise", r"looks? after|looked after|bring in|brings in|brought in|do we sell|do we offer|do we have|in percent|as a percentage", ""),
    ("noise", r"in (?:the|our|this) (?:store|shop|system|catalog|catalogue|collection|company|dataset|file|data)|at least (?:one|a|an)", ""),
    ("missing", r"(?:is |are )?(?:missing|null|unknown|empty|blank)|(?:is|are) not (?:known|set|given|recorded)", ""),
]  # fmt: skip
_COMPILED = [(tag, re.compile(rf"(?:{pattern})(?=$| )"), detail) for tag, pattern, detail in PATTERNS]
_MONTHS = "january february march april may june july august september october november december".split()
_NUMBERS = {
    word: n for n, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)
} | {"twenty": 20, "fifty": 50, "hundred": 100}
_YEAR_MARKERS = {
    "in",
    "during",
    "since",
    "before",
    "after",
    "until",
    "through",
    "from",
    "for",
    "year",
    "of",
    "between",
    "than",
    "to",
    "and",
    "throughout",
}
CURRENCIES = {"dollar", "dollars", "usd", "euro", "euros", "eur", "$", "€", "£", "pounds"}


@dataclass(frozen=True)
class Item:
    """One meaningful piece of the question. A reading keeps a single candidate of `candidates`."""

    tag: str
    text: str
    detail: str = ""
    concept: str = ""
    candidates: tuple[Candidate, ...] = ()
    number: float = 0
    quoted: bool = False
    period: tuple[str, str] = ("", "")

    @property
    def chosen(self) -> Candidate:
        return self.candidates[0]

    def choose(self, candidate: Candidate) -> Item:
        return replace(self, candidates=(candidate,))


def _operator(text: str, offset: int) -> tuple[int, Item] | None:
    best: tuple[int, Item] | None = None
    for tag, pattern, detail in _COMPILED:
        if (match := pattern.match(text, offset)) and (best is None or match.end() > best[0]):
            best = (match.end(), Item(tag, match.group(), detail))
    for tag, lexicon in (("super", SUPERLATIVES), ("compare", COMPARATIVES)):
        for phrase, (detail, concept) in lexicon.items():
            begin = offset + 4 if text.startswith("the ", offset) else offset
            end = begin + len(phrase)
            if text.startswith(phrase, begin) and text[end : end + 1] in ("", " ") and (best is None or end > best[0]):
                best = (end, Item(tag, phrase, detail, concept))
    return best


def _period(tokens: Sequence[Token], index: int) -> tuple[int, Item] | None:
    """A date, month or year starting at `index`: how many tokens it takes, and its first day and the day after its last."""
    text = tokens[index].lower
    following = [token.number for token in tokens[index + 1 : index + 4] if token.text != ","]
    try:
        if match := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text):
            day = date.fromisoformat(match.group())
            return 1, Item(
                "date", text, "day", number=day.year, period=(day.isoformat(), (day + timedelta(1)).isoformat())
            )
        if match := re.fullmatch(r"(\d{4})-(\d{2})", text):
            return 1, _month(int(match[1]), int(match[2]), text)
        if text in _MONTHS and following and following[0] and 1900 <= following[0] <= 2100:
            return 2, _month(int(following[0]), _MONTHS.index(text) + 1, f"{text} {int(following[0])}")
        if text in _MONTHS and text != "may":
            return 1, Item("unsupported", text)
    except ValueError:
        return 1, Item("unsupported", text)
    rest = [token.lower for token in tokens[index : index + 4]]
    if match := re.match(r"(?:q([1-4])|(first|second|third|fourth) quarter)(?: of)? ((?:19|20)\d\d)", " ".join(rest)):
        quarter = int(match[1]) if match[1] else ["first", "second", "third", "fourth"].index(str(match[2])) + 1
        first, last = (_month(int(match[3]), month, match.group()) for month in (quarter * 3 - 2, quarter * 3))
        return match.group().count(" ") + 1, replace(first, period=(first.period[0], last.period[1]))
    year = tokens[index].number
    if year and re.fullmatch(r"(19|20)\d\d", text) and index and tokens[index - 1].lower in _YEAR_MARKERS:
        return 1, Item("date", text, "year", number=year, period=(f"{text}-01-01", f"{int(year) + 1}-01-01"))
    return None


def _month(year: int, month: int, text: str) -> Item:
    first = date(year, month, 1)
    return Item(
        "date",
        text,
        "month",
        number=year,
        period=(first.isoformat(), (first + timedelta(32)).replace(day=1).isoformat()),
    )


def read_items(
    question: str, schema: Schema, hits: Sequence[ValueHit] = (), similarity: Callable[[str, str], float] | None = None
) -> tuple[list[Item], tuple[str, ...]]:
    """The items of a question in order, and the content words that mean nothing here."""
    tokens = tokenize(question)
    words = ["\x01" if token.quoted else token.lower for token in tokens]
    text = " ".join(words)
    found: dict[int, tuple[int, Item]] = {}
    taken = [False] * len(tokens)
    offset = index = 0
    while index < len(tokens):
        size = 0
        if (match := _period(tokens, index)) is not None:
            size, item = match
            found[index] = (size, item)
        elif (operator := _operator(text, offset)) and not _names_something(tokens, index, operator[1], schema, hits):
            size = text[offset : operator[0]].count(" ") + 1
            found[index] = (size, operator[1])
        for step in range(size or 1):
            taken[index + step] = bool(size)
            offset += len(words[index + step]) + 1
        index += size or 1
    for each in link_tokens(tokens, schema, hits, taken, similarity):
        if lemma(each.phrase) in ("year", "month", "day", "week") and each.candidates[0].score < 0.95:
            continue
        found[each.start] = (
            each.end - each.start,
            Item("link", each.phrase, candidates=each.candidates, quoted=tokens[each.start].quoted),
        )
    items: list[Item] = []
    unlinked: list[str] = []
    index = 0
    while index < len(tokens):
        size, item = found.get(index, (1, _plain(tokens[index])))
        if item.tag == "unlinked":
            unlinked.append(item.text)
        if item.concept:
            item = replace(item, candidates=tuple(hinted(item.concept, schema)))
        items.append(item)
        index += size
    return items, tuple(unlinked)


def _plain(token: Token) -> Item:
    if token.number is not None:
        return Item("number", token.text, number=token.number)
    if token.lower in _NUMBERS:
        return Item("number", token.text, number=_NUMBERS[token.lower])
    if lemma(token.lower) in (*TIME_UNITS, "year", "month", "day", "quarter") or token.lower in CURRENCIES:
        return Item("unit", token.lower, "money" if token.lower in CURRENCIES else lemma(token.lower))
    return Item("unlinked" if is_content(token) else "word", token.text, quoted=token.quoted)


def _names_something(
    tokens: Sequence[Token], index: int, operator: Item, schema: Schema, hits: Sequence[ValueHit]
) -> bool:
    """Whether the words of an operator are better read as a name: a column `average_rating`, a table `orders`."""
    for start in (index, index - 1, index - 2):
        for end in range(index + 1, min(len(tokens), index + 4) + 1):
            if start >= 0 and end - start > 1 and not any(token.quoted for token in tokens[start:end]):
                best = span_candidates(tokens, start, end, schema, hits)
                if best and best[0].score >= 0.95 and end - start >= len(operator.text.split()):
                    return True
    if operator.tag == "noise":
        parts = range(index, min(len(tokens), index + operator.text.count(" ") + 1))
        return any(
            found[0].score >= 0.95 for part in parts if (found := span_candidates(tokens, part, part + 1, schema, hits))
        )
    single = span_candidates(tokens, index, index + 1, schema, hits) if " " not in operator.text else []
    exact = bool(single) and single[0].score >= 0.95 and single[0].kind in ("column", "table")
    if exact and operator.text == "total":
        following = tokens[index + 1 : index + 2]
        return not (
            following and (following[0].lower == "of" or span_candidates(tokens, index + 1, index + 2, schema, hits))
        )
    return exact and operator.tag in ("unsupported", "count", "share", "top", "missing")
