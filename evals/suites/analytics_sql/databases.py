"""Small invented databases, built the same every time: an airline and a shop with abbreviated names."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

AIRLINE = """
CREATE TABLE airlines (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL);
CREATE TABLE airports (code TEXT PRIMARY KEY, city TEXT NOT NULL, country TEXT NOT NULL);
CREATE TABLE flights (id INTEGER PRIMARY KEY, airline_id INTEGER NOT NULL REFERENCES airlines(id),
  origin TEXT NOT NULL REFERENCES airports(code), destination TEXT NOT NULL REFERENCES airports(code),
  flight_date DATE NOT NULL, status TEXT NOT NULL, delay_minutes INTEGER, seats INTEGER NOT NULL);
"""
SHOP = """
CREATE TABLE cust (cust_id INTEGER PRIMARY KEY, cust_nm TEXT NOT NULL, region TEXT NOT NULL, is_active BOOLEAN NOT NULL);
CREATE TABLE prod (prod_id INTEGER PRIMARY KEY, prod_nm TEXT NOT NULL, category TEXT NOT NULL, price NUMERIC NOT NULL);
CREATE TABLE ord (ord_id INTEGER PRIMARY KEY, cust_id INTEGER NOT NULL REFERENCES cust(cust_id),
  ord_dt DATE NOT NULL, status TEXT NOT NULL);
CREATE TABLE ord_item (ord_id INTEGER NOT NULL REFERENCES ord(ord_id), prod_id INTEGER NOT NULL REFERENCES prod(prod_id),
  qty INTEGER NOT NULL, PRIMARY KEY (ord_id, prod_id));
"""
CITIES = {"LIS": "Portugal", "OPO": "Portugal", "OSL": "Norway", "BGO": "Norway", "VIE": "Austria", "GRZ": "Austria"}
NAMES = ("Lisbon", "Porto", "Oslo", "Bergen", "Vienna", "Graz")


def build(folder: Path) -> dict[str, Path]:
    """Write the databases into `folder`, replacing older copies, and return their paths by name."""
    return {
        "airline": _write(folder / "airline.sqlite", AIRLINE, _airline()),
        "shop": _write(folder / "shop.sqlite", SHOP, _shop()),
    }


Rows = dict[str, list[tuple[object, ...]]]


def _write(path: Path, ddl: str, tables: Rows) -> Path:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(ddl)
        for table, rows in tables.items():
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608
    return path


def _airline() -> Rows:
    draw = random.Random(7)  # noqa: S311  the same data every time
    codes = list(CITIES)
    flights: list[tuple[object, ...]] = []
    for number in range(1, 601):
        origin, destination = draw.sample(codes, 2)
        status = draw.choices(("landed", "cancelled", "diverted"), (80, 15, 5))[0]
        delay = draw.choice((0, 0, 5, 12, 35, 70)) if status == "landed" else None
        day = date(2023, 1, 1) + timedelta(days=draw.randrange(730))
        airline = draw.choices((1, 2, 3), (5, 3, 2))[0]
        flights.append((number, airline, origin, destination, str(day), status, delay, draw.choice((80, 120, 180))))
    return {
        "airlines": [(1, "Atlas Air Lines", "Portugal"), (2, "Fjordwing", "Norway"), (3, "Donau Jet", "Austria"),
                     (4, "Paper Plane", "Austria")],
        "airports": [(code, city, land) for (code, land), city in zip(CITIES.items(), NAMES, strict=True)],
        "flights": flights,
    }  # fmt: skip


def _shop() -> Rows:
    draw = random.Random(11)  # noqa: S311  the same data every time
    products = ("Kettle", "Toaster", "Blender", "Lamp", "Desk", "Chair", "Tent", "Stove", "Rope")
    kinds = ("Kitchen", "Office", "Outdoor")
    orders: list[tuple[object, ...]] = []
    items: list[tuple[object, ...]] = []
    for number in range(1, 401):
        day = date(2023, 1, 1) + timedelta(days=draw.randrange(730))
        orders.append((number, draw.randint(1, 55), str(day), draw.choices(("paid", "refunded", "open"), (8, 1, 1))[0]))
        items += [(number, product, draw.randint(1, 4)) for product in draw.sample(range(1, 9), draw.randint(1, 3))]
    regions = ("North", "South", "East", "West")
    return {
        "cust": [(n, f"Customer {n:02}", draw.choice(regions), draw.random() < 0.8) for n in range(1, 61)],
        "prod": [(n, name, kinds[(n - 1) // 3], 9.5 + 7 * n) for n, name in enumerate(products, 1)],
        "ord": orders,
        "ord_item": items,
    }
