"""From a page's bytes to the text that a reader came for: headings, paragraphs, lists, code and tables.

What a person does not see is left out: navigation, forms, scripts, and hidden elements, where orders to programs hide.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import warnings
from collections.abc import Sequence
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag
from pydantic import BaseModel
from soupsieve import SelectorSyntaxError

from lyceum.errors import ModelRetry
from lyceum.sources import Source
from mcp_servers.reading.fetching import Fetched
from models.offline.skill import content_words

PASSAGE = 1000  # characters at which a passage is full
LONGEST = 2000  # of one block; what is longer is cut between sentences
MOST_BLOCKS = 3000
DEEPEST = 1000  # elements inside one another
RULES, MOST_RULES = 100_000, 100  # characters of a style sheet, and rules that hide, that are looked at
HARDLY = 200  # characters of text below which a page with scripts is taken for one that they make
PDF_PAGES = 200
_NOISE = "script style noscript template nav svg iframe form button select dialog aside footer object embed".split()
_CHROME = re.compile(
    r"\b(?:nav|navbar|menu|breadcrumbs?|cookies?|consent|banner|sidebar|footer|advert\w*|ads?|promo|share|social|related|"
    r"comments?|newsletter|subscribe|popup|modal)\b",
    re.IGNORECASE,
)
_AWAY = (  # also where a style sheet says it; opacity and colours of sheets change with scripts and backgrounds
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font-size\s*:\s*[01](?:px|pt)?\s*(?:!important\s*)?(?:[;}]|$)"
    r"|(?:left|top|right|text-indent)\s*:\s*-\d{4,}|clip(?:-path)?\s*:\s*(?:rect\(\s*0|inset\(\s*(?:50|100)%)"
)
_RULED = re.compile(_AWAY, re.IGNORECASE)
_HIDDEN = re.compile(rf"{_AWAY}|opacity\s*:\s*0(?!\.)", re.IGNORECASE)
_WHITE = re.compile(
    r"(?<![\w-])color\s*:\s*(?:transparent|white\b|#fff(?:fff)?\b|rgba?\(\s*255\s*,\s*255\s*,\s*255)", re.IGNORECASE
)
_UNSEEN_SIGNS = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]")
_AT_RULE = re.compile(r"@[^{};]{1,300}\{(?:[^{}]{0,2000}\{[^{}]{0,2000}\}){0,500}[^{}]{0,2000}\}")
_RULE = re.compile(r"([^{}@]{1,300})\{([^{}]{0,2000})\}")
_TAG = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_CLOSE_THEMSELVES = frozenset(
    b"p li dt dd tr td th option br img input meta link hr source col wbr area base embed track param".split()
)
_BLOCKS = frozenset(
    "p li h1 h2 h3 h4 h5 h6 pre blockquote td th dt dd figcaption caption div section article main".split()
)
_SCRIPT = re.compile(rb"<script(?=[\s>])", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class Page(BaseModel):
    """A page as it was read: its blocks are (heading above, text)."""

    url: str
    title: str
    published: str = ""
    blocks: list[tuple[str, str]]
    fetched: str = ""


def needs_scripts(fetched: Fetched) -> bool:
    """Tell whether a page has hardly any text because its scripts are to make it."""
    if fetched.kind not in ("text/html", "application/xhtml+xml"):
        return False
    sizes = [_program(part) for part in _SCRIPT.split(fetched.data)[1:]]
    return sum(sizes) >= HARDLY and sum(len(text) for _, text in _html(fetched).blocks) < HARDLY


def _program(element: bytes) -> int:
    """Return how much program there is in what follows `<script`; data in JSON is none."""
    opening, _, rest = element.partition(b">")
    if b"json" in opening:
        return 0
    return HARDLY if b"src" in opening else len(rest.lower().partition(b"</script")[0])


def read(fetched: Fetched, why: str = "") -> Page:
    """Return the text of a page; raises ModelRetry for one that has none, and says `why` where that is known."""
    if fetched.kind == "application/pdf" or fetched.data[:5] == b"%PDF-":
        page = _pdf(fetched)
    elif fetched.kind in ("text/html", "application/xhtml+xml"):
        page = _html(fetched)
    else:
        text = _decoded(fetched)
        page = Page(url=fetched.url, title=_name(fetched.url), blocks=[("", part) for part in _paragraphs(text)])
    page.blocks = [(heading, part) for heading, text in page.blocks[:MOST_BLOCKS] for part in _cut(text)]
    if not page.blocks:
        raise ModelRetry(f"The page has no text that can be read. {why}".strip(), next_step="Use another page.")
    return page


def _decoded(fetched: Fetched) -> str:
    for encoding in (fetched.charset, "utf-8"):
        try:
            return fetched.data.decode(encoding or "utf-8")
        except (ValueError, LookupError):  # some encodings of Python's fail in ways of their own
            continue
    return fetched.data.decode("windows-1252", "replace")


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n")) if part.strip()]


def _cut(text: str) -> list[str]:
    parts = [""]
    for sentence in _SENTENCE.split(text) if len(text) > LONGEST else [text]:
        if parts[-1] and len(parts[-1]) + len(sentence) > PASSAGE:
            parts.append("")
        parts[-1] = f"{parts[-1]} {sentence}".strip()[: 4 * LONGEST]
    return [part for part in parts if part]


def _name(url: str) -> str:
    parts = urlsplit(url)
    return parts.path.rstrip("/").rpartition("/")[2] or str(parts.hostname)


def _pdf(fetched: Fetched) -> Page:
    import pypdf
    from pypdf.errors import PyPdfError

    try:
        document = pypdf.PdfReader(io.BytesIO(fetched.data))
        texts = [page.extract_text() for page in document.pages[:PDF_PAGES]]
        title = str((document.metadata.title if document.metadata else "") or "")
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelRetry(f"The PDF is damaged ({type(error).__name__}).", next_step="Use another page.") from None
    blocks = [(f"page {n}", part) for n, text in enumerate(texts, 1) for part in _paragraphs(text)]
    return Page(url=fetched.url, title=title or _name(fetched.url), blocks=blocks)


def _html(fetched: Fetched) -> Page:
    if _depth(fetched.data) > DEEPEST:  # the parser takes a time that grows with the square of it
        raise ModelRetry("The page's elements are nested too deeply to be read.", next_step="Use another page.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # XHTML read as HTML is fine
        soup = BeautifulSoup(fetched.data, "lxml", from_encoding=_charset(fetched))
    said = {
        str(tag.get("property") or tag.get("name") or "").lower(): str(tag.get("content") or "") for tag in soup("meta")
    }
    title = said.get("og:title") or (soup.title.get_text() if soup.title else "")
    published = _published(soup, said)
    for hidden in _hidden_by_rules(soup):
        if hidden.name not in ("html", "body", "main", "article") and not hidden.decomposed:
            hidden.decompose()
    for noise in soup(_NOISE):
        if not noise.decomposed:
            noise.decompose()
    for tag in soup(True):
        if not tag.decomposed and _unseen(tag):
            tag.decompose()
    blocks = _blocks(_main(soup))
    return Page(
        url=fetched.url, title=" ".join(title.split()) or _name(fetched.url), published=published, blocks=blocks
    )


def _depth(data: bytes) -> int:
    """Return how deeply elements may be nested, from above: those that close by themselves are not counted."""
    depth = deepest = 0
    for closing, name in _TAG.findall(data):
        if name.lower() not in _CLOSE_THEMSELVES:
            depth = max(0, depth - 1) if closing else depth + 1
            deepest = max(deepest, depth)
    return deepest


def _hidden_by_rules(soup: BeautifulSoup) -> list[Tag]:
    """Return what the page's own style rules hide; those in other files are not read."""
    found: list[Tag] = []
    sheets = "\n".join(style.get_text() for style in soup("style"))[:RULES]
    rules = _RULE.findall(_AT_RULE.sub("", sheets))  # what holds for some screens only is not looked at
    for selector in [selector.strip() for selector, body in rules if _RULED.search(body)][:MOST_RULES]:
        with contextlib.suppress(ValueError, NotImplementedError, SelectorSyntaxError):
            found += soup.select(selector, limit=500)
    return found


def _charset(fetched: Fetched) -> str | None:
    """Return the encoding that the server names, where the page is really in it; else the page itself is asked."""
    try:
        fetched.data.decode(fetched.charset or "")
    except (ValueError, LookupError):
        return None
    return fetched.charset


def _published(soup: BeautifulSoup, said: dict[str, str]) -> str:
    time = soup.find("time", attrs={"datetime": True})
    scripts = " ".join(script.get_text() for script in soup("script", attrs={"type": "application/ld+json"}))
    linked = re.search(r'"datePublished"\s*:\s*"([^"]+)"', scripts)
    candidates = [
        said.get("article:published_time"), said.get("date"), said.get("dc.date"), linked and linked[1],
        str(time["datetime"]) if isinstance(time, Tag) else None,
    ]  # fmt: skip
    found = (_DATE.match(each) for each in candidates if each)
    return next((match[0] for match in found if match), "")


def _unseen(tag: Tag) -> bool:
    if tag.name in ("html", "body", "main", "article"):
        return False
    style = str(tag.get("style") or "")
    hidden = (
        tag.has_attr("hidden") or tag.get("aria-hidden") == "true" or _HIDDEN.search(style) or _is_white(tag, style)
    )
    chrome = tag.get("role") in ("navigation", "banner", "search", "contentinfo", "complementary")
    names = " ".join([str(tag.get("id") or ""), *map(str, tag.get_attribute_list("class"))]).replace("_", "-")
    return bool(hidden) or chrome or bool(_CHROME.search(names.replace("-", " ")))


def _is_white(tag: Tag, style: str) -> bool:
    """Tell whether an element's own style makes its text white where nothing says that the page is dark there."""
    if not _WHITE.search(style):
        return False
    around = [tag, *tag.parents]
    return not any("background" in str(each.get("style") or "") or each.has_attr("bgcolor") for each in around[:20])


def _main(soup: BeautifulSoup) -> Tag:
    """Return the part that holds the text: the page's own main part where most of it is, else the body."""
    body = soup.body or soup
    whole = len(body.get_text(" ", strip=True))
    for name in ("main", "article"):
        found = soup.find_all(name)
        if len(found) == 1 and len(found[0].get_text(" ", strip=True)) > 0.3 * whole:
            return found[0]
    return body


def _blocks(main: Tag) -> list[tuple[str, str]]:
    blocks: list[tuple[str, str]] = []
    heading = ""
    for owner, text in _texts(main):
        if re.fullmatch(r"h[1-6]", owner.name):
            heading = text
        elif text:
            blocks.append((heading, f"- {text}" if owner.name == "li" else text))
    return blocks


def _texts(main: Tag) -> list[tuple[Tag, str]]:
    """Return the text of each block element in the page's order; a table row is one block."""
    found: list[tuple[Tag, list[str]]] = []
    for node in main.descendants:
        if not isinstance(node, NavigableString) or isinstance(node, PreformattedString):
            continue
        owner = _owner(node, main)
        if not found or found[-1][0] is not owner:
            found.append((owner, []))
        cell = node.find_parent(["td", "th"])
        started = owner.name == "tr" and found[-1][1] and cell is not None and not _same_cell(node, cell)
        found[-1][1].append(f" | {node}" if started and str(node).strip() else str(node))
    return [(owner, text) for owner, parts in found if (text := _joined(owner, parts))]


def _same_cell(node: NavigableString, cell: Tag) -> bool:
    """Tell whether a text is not the first one of its cell."""
    first = next((each for each in cell.descendants if isinstance(each, NavigableString) and each.strip()), None)
    return first is not node


def _joined(owner: Tag, parts: Sequence[str]) -> str:
    text = _UNSEEN_SIGNS.sub("", "".join(parts))
    return text.strip("\n") if owner.name == "pre" else " ".join(text.split())


def _owner(node: NavigableString, main: Tag) -> Tag:
    row: Tag | None = None
    block: Tag | None = None
    for parent in node.parents:
        if parent.name == "tr" and row is None:
            row = parent
        if block is None and parent.name in _BLOCKS:
            block = parent
        if parent is main:
            break
    return row or block or main


def passages(page: Page, query: str, most: int) -> tuple[list[Source], int]:
    """Return the passages that share most words with the query, or the first ones, and how many are left out."""
    merged: list[tuple[str, str]] = []
    for heading, text in page.blocks:
        if merged and merged[-1][0] == heading and len(merged[-1][1]) + len(text) < PASSAGE:
            merged[-1] = (
                heading,
                f"{merged[-1][1]}\n{text}" if text.startswith("- ") else f"{merged[-1][1]}\n\n{text}",
            )
        else:
            merged.append((heading, text))
    wanted = set(content_words(query))
    shared = [len(wanted.intersection(content_words(f"{heading} {text}"))) for heading, text in merged]
    best = sorted(range(len(merged)), key=lambda n: -shared[n])[:most]
    return [_source(page, *merged[n]) for n in best], len(merged) - len(best)


def _source(page: Page, heading: str, text: str) -> Source:
    parts = urlsplit(page.url)
    digest = hashlib.sha256(f"{heading}\n{text}".encode()).hexdigest()[:8]
    query = f"?{parts.query}" if parts.query else ""
    place = heading if heading.startswith("page ") or not heading else f"heading {heading}"
    return Source(
        id=f"web:{parts.netloc}{parts.path}{query}"[:400] + f"#{digest}",
        kind="page",
        title=page.title[:300],
        uri=page.url,
        locator=place[:200],
        text=text,
    )
