"""What has no ground: constants that the question does not give, words of it that the query passes over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from lyceum.tables import Schema
from models.offline.tables.lexicon import COMPARATIVES, PATTERNS, SUPERLATIVES
from models.tables import Links
from models.tables.graph import graph
from models.tables.link import is_content
from models.tables.words import MEANINGS, SOFT, Token, name_words, stem, synonyms
from models.text_to_sql.choose import Rows
from models.text_to_sql.rewrite import Tree
from models.text_to_sql.scope import Scope

_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike)
_FREE = frozenset((0, 1, 2, 7, 10, 12, 24, 60, 100, 365, 365.25, 1000, 1024, 3600, 86400, 60_000, 3_600_000))
_NUMERALS = {
    word: value
    for value, words in enumerate(
        "zero one,single,once two,twice,double,pair,second three,third four,fourth,quarter five,fifth six,sixth seven "
        "eight nine ten eleven twelve,dozen thirteen fourteen fifteen".split()
    )
    for word in words.split(",")
} | {
    "half": 6,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "hundred": 100,
    "thousand": 1000,
    "million": 1_000_000,
}
_SOFT = frozenset(stem(word) for word in SOFT)
_ASKED = frozenset("me us the all every out".split())  # after a verb that asks
_OURS = frozenset("we i they you".split())
_TOLD = "the query passes over {}"
# Words that steer a question or say that things are related; what they are related by is another word's part.
_STEERING = frozenset(
    stem(word)
    for word in """
    average mean median sum percentage share ratio proportion fraction figure result name details
    information rank highest lowest longest shortest largest smallest biggest long short big small large high
    low old young new few frequent frequently often common popular expensive cheap costly best worst top bottom
    first last recent current late early selling busiest person someone anyone thing item entry catalogue
    catalog collection inventory library business company firm force locate situated born join hire employ start
    begin began end open close create release publish perform sing compose bought purchase order spend pay cost
    price dollar euro cent revenue income sale turnover use using feature total time duration minute hour second
    day week month quarter year date weekday weekend today span period half season january february march april
    may june july august september october november december monday tuesday wednesday thursday friday saturday
    sunday exactly alone altogether combined different distinct unique separate letter word text digit character
    containing include without never none nobody nothing more less fewer least most above below over under
    between before after since until compare comparison difference increase decrease change growth trend
    counting number amount quantity size boss manager supervisor report subordinate job role position title kind
    type sort category group double multiple several various value worth still already yet but minus plus net
    differ gap higher lower greater better worse back away went go saw up down th st nd rd e g playing given
    choose chosen call serve care gave keep kept lie lifetime
    """.split()
)


def unfounded(question: str, links: Links, tree: Tree, schema: Schema, rows: Rows) -> list[str]:
    """Return what stands in the query or in the question without a ground in the other, or in the data."""
    nothing = all(cell in (None, 0) for row in rows for cell in row)
    unheld = _unheld(links, tree, schema) if nothing else []
    passed = [_TOLD.format(links.tokens[index].text) for index in _passed_over(links, tree, schema, slight=False)]
    return [*_invented(question, links, tree, schema), *passed, *unheld]


def passed_lightly(links: Links, tree: Tree, schema: Schema) -> list[str]:
    """Return the words passed over that may only dress what is asked: no proof against a query that all agree on."""
    return [_TOLD.format(links.tokens[index].text) for index in _passed_over(links, tree, schema, slight=True)]


def _unheld(links: Links, tree: Tree, schema: Schema) -> list[str]:
    """Texts that were not found in the data, in a query that finds nothing: a title that nobody has."""
    values = {str(each.value).casefold() for link in links.links for each in link.candidates if each.kind == "value"}
    return [
        f"nothing is '{literal.name}'"
        for column, literal in _constants(tree)
        if literal.is_string
        and isinstance(literal.parent, exp.EQ)
        and re.search(r"[^\W\d]", literal.name)
        and literal.name.casefold() not in values
        and not _kept(column, literal.name, schema)
    ]


def _invented(question: str, links: Links, tree: Tree, schema: Schema) -> list[str]:
    said = _said(links)
    numbers = {token.number for token in links.tokens} | {float(n) for n in re.findall(r"\d+(?:\.\d+)?", question)}
    numbers |= {float(_NUMERALS[token.lower]) for token in links.tokens if token.lower in _NUMERALS}
    found: list[str] = []
    for column, literal in _constants(tree):
        if literal.is_string:
            if not _told(literal.name, question, said) and not _kept(column, literal.name, schema):
                found.append(f"the question does not say '{literal.name}'")
        elif not _derived(float(literal.name), numbers) and not _kept(column, literal.name, schema):
            found.append(f"the question does not say {literal.name}")
    return found


def _constants(tree: Tree) -> Iterator[tuple[exp.Column | None, exp.Literal]]:
    """Literals that a column or a figure of it is compared with or multiplied by."""
    for node in tree.find_all(*_COMPARED, exp.Between, exp.In, exp.Mul):
        parts = [node.args.get(key) for key in ("this", "expression", "low", "high")] + list(node.expressions)
        column = next((part for part in parts if isinstance(part, exp.Column)), None)
        for part in parts:
            literal = part.this if isinstance(part, exp.Neg) else part
            if isinstance(literal, exp.Literal):
                yield column, literal


def _said(links: Links) -> set[str]:
    """Stems of the question's words, of what they mean, and of the values that they were found as."""
    words = [part for token in links.tokens for part in re.findall(r"\w+", token.lower)]
    words += [meaning for word in list(words) for meaning in MEANINGS.get(word, ())]
    values = [str(each.value) for link in links.links for each in link.candidates if each.kind == "value"]
    words += [part for text in [*values, *words] for part in re.findall(r"\w+", text.casefold())]
    return {stem(word) for word in words} | set(words)


def _told(text: str, question: str, said: set[str]) -> bool:
    """Whether the words of a text are the question's, or its year is; parts of dates follow from the question."""
    bare = text.strip("%_ ")
    plain = bare.casefold()
    if re.search(rf"\b{re.escape(bare)}\b", question) or (
        len(plain) > 2 and re.search(rf"\b{re.escape(plain)}", question.casefold())
    ):
        return True
    if re.fullmatch(r"[\d\s:.TZ-]*", plain, re.IGNORECASE):
        years = re.findall(r"\b(?:19|20)\d\d\b", plain)
        return not years or any(year in question for year in (*years, *(str(int(year) - 1) for year in years)))
    known = [word in said or stem(word) in said for word in re.findall(r"\w+", plain)]
    return all(known) or ("%" in text and any(known))  # '%gmail.com'


def _derived(number: float, numbers: set[float | None]) -> bool:
    given = {each for each in numbers if each is not None}
    reached = {
        each * scale + step
        for each in given
        for scale in (1, 60, 1000, 3600, 60_000, 3_600_000, 0.01, 100)
        for step in (0, 1, -1)
    }
    return number in _FREE or number in reached or any(abs(number - each) < 1e-9 for each in reached)


def _kept(column: exp.Column | None, text: str, schema: Schema) -> bool:
    """Whether the compared column is known to hold the very value: a code that the question's words stand for."""
    if column is None:
        return False
    select = column.find_ancestor(exp.Select)
    described = Scope(select, schema).described(column) if isinstance(select, exp.Select) else None
    return described is not None and described.complete and text in map(str, described.values)


def _passed_over(links: Links, tree: Tree, schema: Schema, *, slight: bool) -> list[int]:
    """Content words that neither a name nor a constant of the query answers to; `slight` ones, or the others."""
    named = [each.name for each in tree.find_all(exp.Column, exp.Table)]
    used = {name.casefold() for name in named}
    named += [
        edge.parent for edge in graph(schema).edges if edge.child.casefold() in used
    ]  # an enrolment is a student's
    words = {word for name in named for word in name_words(name)}
    texts = {part for each in tree.find_all(exp.Literal) for part in re.findall(r"\w+", each.name.casefold())}
    held = {stem(word) for word in words | texts}
    steering = _steering(links)
    answered = {
        index
        for link in links.links
        if any(
            (each.kind == "table" and each.score >= 0.6 and each.table.casefold() in used)
            or any(column.casefold() in used for column in each.columns)
            for each in link.candidates
        )
        for index in range(link.start, link.end)
    }
    return [
        index
        for index, token in enumerate(links.tokens)
        if is_content(token)
        and token.lower not in _NUMERALS
        and index not in answered | steering
        and not _answers(token, held)
        and _is_slight(index, links) == slight
    ]


def _is_slight(index: int, links: Links) -> bool:
    """A verb of asking (`read me ...`) or of ours (`we raised`), or a noun before a column's (`file size`)."""
    words = [token.lower for token in links.tokens]
    before, after = words[index - 1] if index else "", words[index + 1] if index + 1 < len(words) else ""
    column = any(link.start == index + 1 and link.candidates[0].kind in ("column", "measure") for link in links.links)
    return column or (not before and after in _ASKED) or (before in _OURS and words[index].endswith("ed"))


def _answers(token: Token, held: set[str]) -> bool:
    words = [re.sub(r"^un(?=\w{4})", "", word) for word in re.findall(r"[^\W_]{2,}", token.lower)]
    return all(
        stem(word) in _STEERING | _SOFT
        or stem(word) in held
        or any(stem(other) in held for other in (*synonyms(word), *MEANINGS.get(word, ()), *name_words(word)))
        or word.isdigit()
        or any(each.startswith(word) or (len(each) > 3 and word.startswith(each)) for each in held if len(word) > 3)
        for word in words
    )


def _steering(links: Links) -> set[int]:
    """Tokens that say how to count, compare and order."""
    said = " ".join(token.lower for token in links.tokens)
    starts: dict[int, int] = {}
    at = 0
    for index, token in enumerate(links.tokens):
        starts[at] = index
        at += len(token.lower) + 1
    phrases = [*map(re.escape, [*SUPERLATIVES, *COMPARATIVES]), *(pattern for _, pattern, _ in PATTERNS)]
    found: set[int] = set()
    for phrase in phrases:
        for match in re.finditer(rf"(?<!\S)(?:{phrase})(?!\S)", said):
            found |= {index for start, index in starts.items() if match.start() <= start < match.end()}
    return found
