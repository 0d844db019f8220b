"""A retailer's star schema: one table of facts, dimensions beside it, year, quarter and month as columns."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows

DDL = """
CREATE TABLE dim_date (date_key INTEGER PRIMARY KEY, cal_date TEXT NOT NULL, yr INTEGER NOT NULL, qtr INTEGER NOT NULL, mon INTEGER NOT NULL, is_holiday TEXT NOT NULL);
CREATE TABLE dim_store (store_key INTEGER PRIMARY KEY, store_nm TEXT NOT NULL, state TEXT NOT NULL, sq_ft INTEGER NOT NULL, mgr_nm TEXT);
CREATE TABLE dim_prod (prod_key INTEGER PRIMARY KEY, prod_nm TEXT NOT NULL, brand TEXT NOT NULL, cat TEXT NOT NULL, list_price REAL NOT NULL, unit_cost REAL NOT NULL);
CREATE TABLE fact_sales (sale_id INTEGER PRIMARY KEY, date_key INTEGER NOT NULL, store_key INTEGER NOT NULL, prod_key INTEGER NOT NULL, units INTEGER NOT NULL, gross_amt REAL NOT NULL, disc_amt REAL NOT NULL);
CREATE TABLE fact_returns (return_id INTEGER PRIMARY KEY, sale_id INTEGER NOT NULL, date_key INTEGER NOT NULL, units INTEGER NOT NULL, reason_cd TEXT NOT NULL);
"""
STORES = [(1, "Austin North", "Texas", 24_000, "Jo Ward"), (2, "Austin South", "Texas", 18_500, None), (3, "Boise", "Idaho", 12_000, "Lee Park"),
          (4, "Salem", "Oregon", 15_500, "Kim Ross"), (5, "Portland", "Oregon", 31_000, "Ana Diaz"), (6, "Eugene", "Oregon", 9_000, None)]  # fmt: skip
PRODUCTS = [
    (1, "Trail Boot", "Summit", "Footwear", 129.0, 61.5), (2, "Road Runner", "Fleet", "Footwear", 94.0, 40.0), (3, "City Sandal", "Fleet", "Footwear", 49.5, 18.0),
    (4, "Rain Shell", "Summit", "Outerwear", 159.0, 80.0), (5, "Down Vest", "Polar", "Outerwear", 119.0, 66.0), (6, "Wool Cap", "Polar", "Accessories", 24.0, 7.5),
    (7, "Day Pack", "Summit", "Accessories", 79.0, 35.0), (8, "Flask", "Hydra", "Accessories", 29.0, 9.0), (9, "Trek Pole", "Summit", "Accessories", 54.0, 22.0),
]  # fmt: skip


def rows(draw: Random) -> Rows:
    days = [date(2022, 1, 1) + timedelta(days=3 * n) for n in range(244)]
    keys = [int(f"{each:%Y%m%d}") for each in days]
    calendar = [
        (key, str(each), each.year, (each.month + 2) // 3, each.month, "Y" if draw.random() < 0.06 else "N")
        for key, each in zip(keys, days, strict=True)
    ]
    sales: list[Row] = []
    returns: list[Row] = []
    for number in range(1, 301):
        item = draw.choices(PRODUCTS[:8], (3, 6, 4, 3, 2, 7, 4, 5))[0]
        units = draw.randint(1, 5)
        gross = round(units * item[4], 2)
        off = round(gross * draw.choice((0.1, 0.2)), 2) if draw.random() < 0.3 else 0.0
        place = draw.randrange(200)
        store = draw.choices((1, 2, 3, 4, 5), (3, 2, 8, 2, 3) if item[3] == "Footwear" else (5, 2, 1, 2, 9))[0]
        sales.append((number, keys[place], store, item[0], units, gross, off))
        if draw.random() < 0.15:
            back = draw.randint(1, units)
            came = keys[place + draw.randint(1, 9)]
            returns.append((len(returns) + 1, number, came, back, draw.choices(("DMG", "FIT", "CHG"), (2, 5, 3))[0]))
    return {"dim_date": calendar, "dim_store": STORES, "dim_prod": PRODUCTS, "fact_sales": sales, "fact_returns": returns}  # fmt: skip


DOMAIN = Domain("dev", DDL, rows)
