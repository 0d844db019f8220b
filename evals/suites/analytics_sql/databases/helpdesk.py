"""Support tickets: epoch seconds, priorities as codes, labels many to many, team leads among the agents."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day, people

DDL = """
CREATE TABLE Company (id INTEGER PRIMARY KEY, name TEXT NOT NULL, plan TEXT NOT NULL, country TEXT NOT NULL, isVip INTEGER NOT NULL);
CREATE TABLE Contact (id INTEGER PRIMARY KEY, companyId INTEGER NOT NULL REFERENCES Company(id), name TEXT NOT NULL, email TEXT);
CREATE TABLE Agent (id INTEGER PRIMARY KEY, name TEXT NOT NULL, team TEXT NOT NULL, leadId INTEGER REFERENCES Agent(id));
CREATE TABLE Ticket (id INTEGER PRIMARY KEY, contactId INTEGER NOT NULL REFERENCES Contact(id), agentId INTEGER REFERENCES Agent(id), subject TEXT NOT NULL,
  priority TEXT NOT NULL CHECK (priority IN ('P1', 'P2', 'P3')), state TEXT NOT NULL, openedAt INTEGER NOT NULL, closedAt INTEGER, satisfaction INTEGER);
CREATE TABLE Label (id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE);
CREATE TABLE TicketLabel (ticketId INTEGER NOT NULL REFERENCES Ticket(id), labelId INTEGER NOT NULL REFERENCES Label(id), PRIMARY KEY (ticketId, labelId));
CREATE TABLE Reply (id INTEGER PRIMARY KEY, ticketId INTEGER NOT NULL REFERENCES Ticket(id), isPublic INTEGER NOT NULL, minutesSpent INTEGER NOT NULL);
"""
COMPANIES = "Acorn Labs,Blue Kite,Cedar Works,Delta Foods,Ember Media,Fable Games,Granite Bank,Hollow Oak,Iris Health,Juniper Travel,Kestrel Air,Lumen Energy".split(",")  # fmt: skip
LABELS = ("billing", "bug", "login", "feature request", "outage", "spam")
AGENTS = [(1, "Marta Reis", "Core", None), (2, "Ole Brandt", "Core", 1), (3, "Priya Nair", "Core", 1), (4, "Quinn Doyle", "Payments", None),
          (5, "Rui Alves", "Payments", 4), (6, "Sana Malik", "Payments", 4), (7, "Theo Lang", "Core", 1)]  # fmt: skip


def rows(draw: Random) -> Rows:
    contacts = [
        (n, draw.randint(1, 11), f"{first} {last}", f"{first}@example.net".lower() if draw.random() < 0.85 else None)
        for n, (first, last) in enumerate(people(draw, 60), 1)
    ]
    tickets: list[Row] = []
    labelled: list[Row] = []
    replies: list[Row] = []
    for number in range(1, 201):
        moment = datetime.fromisoformat(day(draw, "2023-01-01", "2024-04-30")).replace(
            tzinfo=UTC, hour=draw.randrange(24)
        )
        opened = int(moment.timestamp())
        state = draw.choices(("closed", "open", "waiting"), (7, 2, 1))[0]
        closed = opened + 3600 * draw.randint(1, 200) if state == "closed" else None
        rating = draw.choice((1, 2, 3, 4, 5)) if closed and draw.random() < 0.6 else None
        agent = draw.choices((1, 2, 3, 4, 5, 6, None), (2, 6, 4, 2, 5, 3, 3))[0]  # the seventh is new
        priority = draw.choices(("P1", "P2", "P3"), (1, 3, 5))[0]
        tickets.append(
            (number, draw.randint(1, 54), agent, f"Request {number}", priority, state, opened, closed, rating)
        )
        labelled += [(number, label) for label in draw.sample(range(1, 6), draw.choices((0, 1, 2), (1, 6, 3))[0])]
        for _ in range(draw.randint(0, 3)):
            replies.append((len(replies) + 1, number, int(draw.random() < 0.75), 5 * draw.randint(1, 18)))
    return {
        "Company": [
            (n, name, draw.choices(("free", "team", "enterprise"), (4, 4, 3))[0], draw.choice(("Portugal", "India", "Ireland")), int(n % 5 == 0))
            for n, name in enumerate(COMPANIES, 1)
        ],
        "Contact": contacts,
        "Agent": AGENTS,
        "Ticket": tickets,
        "Label": list(enumerate(LABELS, 1)),
        "TicketLabel": labelled,
        "Reply": replies,
    }  # fmt: skip


DOMAIN = Domain("heldout", DDL, rows)
