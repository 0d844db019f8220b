"""Words as the linker sees them: tokens with spans, light stems, identifiers split into words, a small lexicon."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

QUOTES = r"\"([^\"]+)\"|“([^”]+)”|‘([^’]+)’|(?<!\w)'([^']+(?:'\w[^']*)?)'(?!\w)|`([^`]+)`"
TOKEN = re.compile(
    rf"(?:{QUOTES})|(\d+(?:/\d+)+|\d{{4}}-\d{{2}}(?:-\d{{2}})?|\d[\d,]*(?:\.\d+)?)|((?:[^\W\d_]\.){{2,}}|[^\W_]+(?:[_/&.'’-][^\W_]+)*)|(>=|<=|!=|[><=%$€£,;?])"
)

IRREGULAR = {
    "people": "person", "persons": "person", "children": "child", "men": "man", "women": "woman", "media": "media",
    "bought": "buy", "sold": "sell", "paid": "pay", "spent": "spend", "born": "birth", "taught": "teach", "made": "make",
    "wrote": "write", "written": "write", "movies": "movie", "series": "series", "status": "status", "statuses": "status",
    "data": "data", "cookies": "cookie", "feet": "foot", "lent": "lend", "built": "build", "flew": "fly", "flown": "fly",
    "sales": "sale", "addresses": "address", "analyses": "analysis", "staff": "staff", "won": "win", "left": "leave",
}  # fmt: skip

ABBREVIATIONS = {
    "qty": "quantity", "amt": "amount", "dept": "department", "cust": "customer", "emp": "employee", "addr": "address",
    "num": "number", "nm": "name", "cd": "code", "flg": "flag", "dur": "duration", "wt": "weight", "ht": "height", "sz": "size",
    "typ": "type", "sts": "status", "ctry": "country", "cntry": "country", "rgn": "region", "reg": "region", "curr": "currency", "eml": "email",
    "ph": "phone", "auth": "author", "dep": "departure", "arr": "arrival", "orig": "origin", "pmt": "payment", "cmt": "comment",
    "med": "medication", "pat": "patient", "doc": "doctor", "emps": "employee", "custs": "customer", "prods": "product", "veh": "vehicle",
    "acc": "account", "trans": "transaction", "tran": "transaction", "sub": "subscription", "subs": "subscription", "inst": "instructor", "ename": "name", "dname": "name", "pname": "name", "cname": "name", "sname": "name", "sal": "salary", "comm": "commission",
    "proj": "project", "hrs": "hour", "pop": "population", "lang": "language", "tot": "total", "bal": "balance", "txn": "transaction",
    "stu": "student", "wk": "week", "mo": "month", "usr": "user", "lvl": "level", "val": "value", "appt": "appointment", "hiring": "hire", "nbr": "number", "no": "number", "dob": "birth date", "desc": "description", "cat": "category",
    "prod": "product", "mgr": "manager", "ord": "order", "inv": "invoice", "acct": "account", "pct": "percent",
    "dt": "date", "tel": "phone", "yr": "year", "loc": "location", "dest": "destination", "fname": "first name",
    "lname": "last name", "firstname": "first name", "lastname": "last name", "ms": "milliseconds", "sec": "second",
    "tbl": "", "dim": "", "fact": "", "fct": "", "is": "", "has": "", "rep": "representative", "cnt": "count",
    "empl": "employee", "fst": "first", "lst": "last", "cty": "city", "bdgt": "budget", "cts": "cents", "seg": "segment", "chnl": "channel",
    "dflt": "default", "disc": "discount", "prc": "price", "whse": "warehouse", "ttl": "total", "avg": "average", "prty": "priority",
    "tkt": "ticket", "agt": "agent", "asgn": "assignment", "flt": "flight", "pax": "passenger", "gndr": "gender", "mdl": "model",
    "mfr": "manufacturer", "mos": "month", "qtr": "quarter", "vend": "vendor",
    "birthdate": "birth date", "birthday": "birth date", "hiredate": "hire date", "unitprice": "unit price", "org": "organization",
}  # fmt: skip

# Each line is a set of words that name the same thing in a database; the linker trusts them less than the real name.
SYNONYMS = [
    frozenset(line.split())
    for line in """
    song track
    client customer buyer shopper
    staff employee worker personnel
    cost price
    title name
    film movie
    country nation
    salary pay wage compensation
    product item article
    order purchase buy
    invoice bill purchase buy
    invoice sale sell
    order sale sell
    sale sell
    teacher instructor professor lecturer teach
    student pupil
    doctor physician
    duration length runtime
    city town
    department division
    supplier vendor
    artist band musician singer
    manager boss supervisor
    phone telephone
    zip postal postcode
    genre style
    category type kind
    warehouse depot
    shop store
    branch office
    author writer write
    user member
    member patron
    borrow loan checkout lend
    rental rent
    vehicle car
    flight fly
    booking reservation book reserve
    review feedback
    rating score star
    stock inventory
    state province
    gender sex
    grade mark
    course class
    enroll enrollment
    quantity unit
    amount total value
    company organization firm business
    ticket issue
    visit appointment
    illness disease diagnosis
    payment pay
    delivery deliver
    birth birthdate
    agent representative
    """.strip().splitlines()
]

# Function words: they steer a sentence but name nothing in a database.
STOP = frozenset(
    """a an the of in on at to from for by with and or as is are was were be been being am do does did done doing have has had
    having i me my we our us you your it its it's they them their theirs he she his her that this these those there here who whom
    whose which what what's when where how many much show list give display return find get tell see want need would like could can
    please let print output select retrieve fetch into than then so if any all each every per both either only also just
    ones one exist exists existing available database db data dataset table tables records stored currently
    together about belong belongs belonging contain named called titled per out will 's s us' individual respective
    respectively among within across overall entire whole come comes came appear appears
    associated assigned related used know happen happened get got ever along corresponding full complete actual such
    money anything something located based live lives living reside resides residing work works working""".split()
)

# Verbs and frames that add nothing when no name in the schema answers to them.
SOFT = frozenset(
    """issued generated generate generates produced earned earn placed place made make makes recorded record brought bring brings
    supported supports handled handles took take takes taken occurred occur happened billed store shop single percent received receive
    receives held hold holds paid owns own owned registered listed offered offer offers going treated treat treats seen see sees played play plays scored score scores collected covers cover covered written
    wrote write writes consist consists participated participate attended attend taught teach teaches carry carries sell sells""".split()
)

SUFFIXES = ("ments", "ment", "ations", "ation", "ings", "ing", "ied", "ed", "ions", "ion", "ery", "er", "or")
LATE_SUFFIXES = {"ion", "ions", "ery", "er", "or"}
# Words for a value that is stored as something else: a code, or a country for its people.
MEANINGS = {
    "female": ("f", "woman"), "male": ("m", "man"), "american": ("usa", "us", "united states"), "canadian": ("canada",),
    "british": ("uk", "united kingdom"), "english": ("england",), "french": ("france",), "german": ("germany",), "italian": ("italy",),
    "spanish": ("spain",), "brazilian": ("brazil",), "indian": ("india",), "chinese": ("china",), "japanese": ("japan",),
    "dutch": ("netherlands",), "swedish": ("sweden",), "mexican": ("mexico",), "portuguese": ("portugal",), "irish": ("ireland",),
    "norwegian": ("norway",), "danish": ("denmark",), "polish": ("poland",), "australian": ("australia",), "us": ("usa", "united states"),
}  # fmt: skip
# Who a thing is by: `tracks by Queen` names an artist, not a composer. Words that lead from a kind to a name.
CREATORS = frozenset("artist author band composer creator director maker musician singer writer manufacturer".split())
NAMING = frozenset("the named called titled is".split())
TIME_UNITS = {"millisecond": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000}


@dataclass(frozen=True)
class Token:
    """A word, number, quoted phrase or mark of the question; `start` and `end` are character offsets."""

    text: str
    start: int
    end: int
    quoted: bool = False

    @property
    def lower(self) -> str:
        return self.text.casefold()

    @property
    def number(self) -> float | None:
        value = self.text.replace(",", "")
        return float(value) if not self.quoted and re.fullmatch(r"\d+(\.\d+)?", value) else None


def tokenize(question: str) -> list[Token]:
    """Split a question into tokens; a quoted phrase is one token and a possessive 's is dropped."""
    tokens: list[Token] = []
    text = re.sub(r"(?<=\w)['’]s\b", "  ", question)
    for match in TOKEN.finditer(text):
        quoted = next((group for group in match.groups()[:5] if group), None)
        tokens.append(Token(quoted or match.group(), match.start(), match.end(), quoted is not None))
    return tokens


@lru_cache(maxsize=4096)
def lemma(word: str) -> str:
    """The dictionary form of a noun; verbs keep their ending."""
    word = word.casefold()
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """What related forms share: ship, shipped, shipping and shipment give one stem."""
    word = lemma(word)
    for _ in range(2):
        for suffix in SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= (5 if suffix in LATE_SUFFIXES else 3):
                word = word[: -len(suffix)] + ("y" if suffix == "ied" else "")
                break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] != "s":
        word = word[:-1]
    return re.sub(r"y$", "i", word.rstrip("e")) if len(word) > 3 else word


@lru_cache(maxsize=4096)
def synonyms(word: str) -> frozenset[str]:
    """Other lemmas which may name the same thing."""
    key = stem(word)
    found = {other for group in SYNONYMS if any(stem(member) == key for member in group) for other in group}
    return frozenset(other for other in found if stem(other) != key)


@lru_cache(maxsize=4096)
def name_words(identifier: str) -> tuple[str, ...]:
    """The lemmas of an identifier: `InvoiceLine`, `cust_id` and `qty` give invoice line, customer id and quantity."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\W]+", " ", identifier)
    words = [ABBREVIATIONS.get(word, word) for word in spaced.casefold().split()]
    return tuple(lemma(word) for word in " ".join(words).split()) or (identifier.casefold(),)
