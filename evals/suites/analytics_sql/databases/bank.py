"""A bank's core tables: codes, abbreviations, cents, epoch seconds, and not one declared foreign key."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day, people

DDL = """
CREATE TABLE branch (br_cd TEXT PRIMARY KEY, br_nm TEXT, city TEXT, open_yr INTEGER);
CREATE TABLE cust (cust_no INTEGER PRIMARY KEY, fst_nm TEXT, lst_nm TEXT, seg_cd TEXT, join_dt TEXT, home_br_cd TEXT);
CREATE TABLE acct (acct_no TEXT PRIMARY KEY, cust_no INTEGER, br_cd TEXT, acct_typ TEXT, sts TEXT, opn_dt TEXT, bal_cents INTEGER);
CREATE TABLE txn (txn_id INTEGER PRIMARY KEY, acct_no TEXT, posted_ts INTEGER, txn_typ TEXT, amt_cents INTEGER, chnl TEXT);
CREATE TABLE loan (loan_no TEXT PRIMARY KEY, cust_no INTEGER, principal INTEGER, rate_pct REAL, term_mos INTEGER, dflt_flg TEXT);
"""
BRANCHES = [("B01", "Harbour Street", "Cork", 1988), ("B02", "Market Square", "Cork", 2004), ("B03", "Station Road", "Galway", 1995),
            ("B04", "University", "Dublin", 2011), ("B05", "Docklands", "Dublin", 2019)]  # fmt: skip


def rows(draw: Random) -> Rows:
    accounts: list[Row] = []
    payments: list[Row] = []
    for number in range(1, 91):
        name = f"AC{1000 + number}"
        kind = draw.choices(("savings", "current", "deposit"), (4, 5, 1))[0]
        status = draw.choices(("open", "closed", "frozen"), (8, 2, 1))[0]
        branch = draw.choices(("B01", "B02", "B03", "B04"), (5, 2, 3, 4))[0]  # the fifth has no account yet
        balance = draw.randint(-40_000, 900_000) if kind == "current" else draw.randint(0, 2_500_000)
        opened = day(draw, "2018-01-01", "2023-12-31")
        accounts.append((name, draw.randint(1, 62), branch, kind, status, opened, balance))
        for _ in range(draw.choice((0, 1, 3, 5, 6)) if number > 1 else 1):
            posted = datetime.fromisoformat(day(draw, "2023-01-01", "2024-06-30")).replace(
                tzinfo=UTC, hour=draw.randint(0, 23)
            )
            reason = draw.choices(("deposit", "withdrawal", "fee"), (5, 6, 1))[0]
            amount = draw.choice((250, 500)) if reason == "fee" else 100 * draw.randint(5, 3_000)
            channel = draw.choices(
                ("app", "atm", "counter", "web"), (2, 7, 1, 2) if reason == "withdrawal" else (9, 1, 1, 3)
            )[0]
            payments.append((len(payments) + 1, name, int(posted.timestamp()), reason, amount, channel))
    customers = [
        (n, first, last, draw.choices(("retail", "private", "business"), (7, 1, 3))[0], day(draw, "2015-01-01", "2023-12-31"),
         draw.choice([code for code, *_ in BRANCHES]))
        for n, (first, last) in enumerate(people(draw, 70), 1)
    ]  # fmt: skip
    loans = [
        (f"L{n:03}", draw.randint(1, 70), 500 * draw.randint(4, 120), draw.choice((3.2, 4.5, 5.9, 7.25)),
         draw.choice((12, 24, 36, 60)), "Y" if draw.random() < 0.2 else "N")
        for n in range(1, 46)
    ]  # fmt: skip
    return {"branch": BRANCHES, "cust": customers, "acct": accounts, "txn": payments, "loan": loans}


DOMAIN = Domain("dev", DDL, rows)
