"""A shop with abbreviated names, a flag for active customers and two cities an order."""

from __future__ import annotations

from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day

DDL = """
CREATE TABLE cust (cust_id INTEGER PRIMARY KEY, cust_nm TEXT NOT NULL, region TEXT NOT NULL, is_active BOOLEAN NOT NULL);
CREATE TABLE prod (prod_id INTEGER PRIMARY KEY, prod_nm TEXT NOT NULL, category TEXT NOT NULL, price NUMERIC NOT NULL);
CREATE TABLE ord (ord_id INTEGER PRIMARY KEY, cust_id INTEGER NOT NULL REFERENCES cust(cust_id),
  ord_dt DATE NOT NULL, status TEXT NOT NULL, ship_city TEXT NOT NULL, bill_city TEXT NOT NULL);
CREATE TABLE ord_item (ord_id INTEGER NOT NULL REFERENCES ord(ord_id), prod_id INTEGER NOT NULL REFERENCES prod(prod_id),
  qty INTEGER NOT NULL, PRIMARY KEY (ord_id, prod_id));
"""
PRODUCTS = "Kettle Toaster Blender Lamp Desk Chair Tent Stove Rope".split()
KINDS = ("Kitchen", "Office", "Outdoor")
CITIES = ("Leeds", "York", "Hull", "Derby")


def rows(draw: Random) -> Rows:
    orders: list[Row] = []
    items: list[Row] = []
    for number in range(1, 301):
        status = draw.choices(("paid", "refunded", "open"), (8, 1, 1))[0]
        billed = draw.choice(CITIES)
        shipped = billed if draw.random() < 0.7 else draw.choice(CITIES)
        orders.append((number, draw.randint(1, 55), day(draw, "2022-07-01", "2024-06-30"), status, shipped, billed))
        items += [(number, item, draw.randint(1, 4)) for item in draw.sample(range(1, 9), draw.randint(1, 3))]
    regions = ("North", "South", "East", "West")
    return {
        "cust": [(n, f"Customer {n:02}", draw.choice(regions), draw.random() < 0.8) for n in range(1, 61)],
        "prod": [(n, name, KINDS[(n - 1) // 3], 9.5 + 7 * n) for n, name in enumerate(PRODUCTS, 1)],
        "ord": orders,
        "ord_item": items,
    }


DOMAIN = Domain("dev", DDL, rows)
