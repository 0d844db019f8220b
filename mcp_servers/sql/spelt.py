"""What the parser would read otherwise than an engine is spelt out in the text, before it is parsed and checked."""

from __future__ import annotations

from itertools import pairwise

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from lyceum.errors import ModelRetry

_EXPLAIN_OPTIONS = frozenset("COSTS OFF ON TRUE FALSE VERBOSE FORMAT TEXT JSON YAML XML QUERY PLAN ( ) ,".split())
_BRACKETS = {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}
_BITS = (TokenType.HEX_STRING, TokenType.BIT_STRING)
_AFTER_LIMIT = (TokenType.OFFSET, TokenType.COMMA, TokenType.SEMICOLON)


def spelt_out(sql: str, dialect: str) -> str:
    """Return the text as the parser can read it; raises ModelRetry for what is no SQL."""
    sql = _in_decimal(sql, dialect)
    tokens = _tokens(sql, dialect)
    if dialect == "duckdb" and tokens and tokens[0].text.upper() in ("PIVOT", "UNPIVOT"):
        return _pivot_as_source(sql, tokens)
    return sql if dialect == "duckdb" else _with_grouped_limits(sql, tokens)


def without_explain(sql: str, dialect: str) -> tuple[str, bool]:
    """Return a statement without the EXPLAIN in front of it, and whether there was one."""
    tokens = _tokens(sql, dialect)
    if not tokens or tokens[0].text.upper() != "EXPLAIN":
        return sql, False
    # The tokenizer takes what follows EXPLAIN for one piece of text.
    rest = sql[tokens[0].end + 1 :]
    after = _tokens(rest, dialect)
    start = next((token.start for token in after if token.text.upper() not in _EXPLAIN_OPTIONS), len(rest))
    if rest[start:].upper().startswith("ANALY"):
        raise ModelRetry("EXPLAIN ANALYZE runs a query; send EXPLAIN SELECT ..., or the SELECT itself.")
    opened = rest[:start].rstrip()
    return rest[start - 1 if opened.endswith("(") and ")" not in opened else start :], True


def invalid(error: Exception, dialect: str) -> ModelRetry:
    """Say what is wrong with a text that cannot be read."""
    message = (str(error).splitlines() or ["it cannot be parsed"])[0].rstrip(".")
    return ModelRetry(f"That is not valid {dialect} SQL: {message}.")


def _tokens(sql: str, dialect: str) -> list[Token]:
    try:
        return sqlglot.tokenize(sql, dialect=dialect)
    except (SqlglotError, ValueError) as error:
        raise invalid(error, dialect) from None


def _in_decimal(sql: str, dialect: str) -> str:
    """Write PostgreSQL's `0x1F`, to the parser a string of bits, as 31.

    Raises ModelRetry for one elsewhere, where DuckDB reads `0 AS x1F`, and for `12abc`.
    """
    tokens = _tokens(sql, dialect)
    for number, after in pairwise(tokens):
        if number.token_type == TokenType.NUMBER and after.start == number.end + 1 and after.text[:1].isalpha():
            raise ModelRetry(f"{number.text}{after.text} is no number here; write it in decimal digits.")
    for token in reversed(tokens):
        written = sql[token.start : token.end + 1]
        if dialect == "postgres" and token.token_type in _BITS and written.startswith("0"):
            sql = f"{sql[: token.start]}{int(written, 0)}{sql[token.end + 1 :]}"
    return sql


def _with_grouped_limits(sql: str, tokens: list[Token]) -> str:
    """Put brackets around a LIMIT that computes a remainder, whose `%` the parser would take for percent."""
    brackets: list[tuple[int, str]] = []
    for n, limit in enumerate(tokens):
        if limit.token_type != TokenType.LIMIT:
            continue
        depth, end, remainder = 0, n, False
        for place in range(n + 1, len(tokens)):
            kind = tokens[place].token_type
            depth += _BRACKETS.get(kind, 0)
            if depth < 0 or (depth == 0 and kind in _AFTER_LIMIT):
                break
            end, remainder = place, remainder or (depth == 0 and kind == TokenType.MOD)
        if remainder:
            brackets += [(tokens[n + 1].start, "("), (tokens[end].end + 1, ")")]
    for place, bracket in sorted(brackets, reverse=True):
        sql = f"{sql[:place]}{bracket}{sql[place:]}"
    return sql


def _pivot_as_source(sql: str, tokens: list[Token]) -> str:
    """Put a PIVOT statement where a table stands, and what orders and limits it behind."""
    depth, end = 0, len(sql)
    for token in tokens:
        depth += _BRACKETS.get(token.token_type, 0)
        if depth == 0 and token.token_type in (TokenType.ORDER_BY, TokenType.LIMIT, TokenType.SEMICOLON):
            end = token.start
            break
    return f"SELECT * FROM ({sql[:end]}\n) {sql[end:]}"  # noqa: S608 - text to parse and check, never to run
