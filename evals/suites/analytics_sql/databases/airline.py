"""An airline's flights: two references to the same table of airports, keyed by text."""

from __future__ import annotations

from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day

DDL = """
CREATE TABLE airlines (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL);
CREATE TABLE airports (code TEXT PRIMARY KEY, city TEXT NOT NULL, country TEXT NOT NULL);
CREATE TABLE flights (id INTEGER PRIMARY KEY, airline_id INTEGER NOT NULL REFERENCES airlines(id),
  origin TEXT NOT NULL REFERENCES airports(code), destination TEXT NOT NULL REFERENCES airports(code),
  flight_date DATE NOT NULL, status TEXT NOT NULL, delay_minutes INTEGER, seats INTEGER NOT NULL);
"""
AIRLINES = [(1, "Atlas Air Lines", "Portugal"), (2, "Fjordwing", "Norway"), (3, "Donau Jet", "Austria"), (4, "Paper Plane", "Austria")]  # fmt: skip
AIRPORTS = [("LIS", "Lisbon", "Portugal"), ("OPO", "Porto", "Portugal"), ("OSL", "Oslo", "Norway"), ("BGO", "Bergen", "Norway"),
            ("VIE", "Vienna", "Austria"), ("GRZ", "Graz", "Austria"), ("LJU", "Ljubljana", "Slovenia")]  # fmt: skip


def rows(draw: Random) -> Rows:
    flights: list[Row] = []
    for number in range(1, 301):
        origin, destination = draw.sample([code for code, _, _ in AIRPORTS[:6]], 2)
        status = draw.choices(("landed", "cancelled", "diverted"), (80, 15, 5))[0]
        delay = draw.choice((0, 0, 5, 12, 35, 70)) if status == "landed" else None
        airline = draw.choices((1, 2, 3), (5, 3, 2))[0] if "BGO" not in (origin, destination) else draw.choice((1, 2))
        flown = day(draw, "2023-01-01", "2024-12-31")
        flights.append((number, airline, origin, destination, flown, status, delay, draw.choice((80, 120, 180))))
    return {"airlines": AIRLINES, "airports": AIRPORTS, "flights": flights}


DOMAIN = Domain("heldout", DDL, rows)
