"""A power company in terse names: meters at sites, monthly readings in kWh, tariffs in cents, faults in minutes."""

from __future__ import annotations

from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day, people

DDL = """
CREATE TABLE cust (cust_id INTEGER PRIMARY KEY, nm TEXT NOT NULL, seg TEXT NOT NULL, town TEXT NOT NULL, since_dt TEXT NOT NULL);
CREATE TABLE tariff (tariff_cd TEXT PRIMARY KEY, descr TEXT NOT NULL, cents_per_kwh INTEGER NOT NULL, is_green INTEGER NOT NULL);
CREATE TABLE site (site_id INTEGER PRIMARY KEY, cust_id INTEGER NOT NULL REFERENCES cust(cust_id), addr TEXT NOT NULL, has_solar INTEGER NOT NULL);
CREATE TABLE meter (meter_no TEXT PRIMARY KEY, site_id INTEGER NOT NULL REFERENCES site(site_id), tariff_cd TEXT NOT NULL REFERENCES tariff(tariff_cd), model TEXT NOT NULL, installed_dt TEXT NOT NULL);
CREATE TABLE reading (meter_no TEXT NOT NULL REFERENCES meter(meter_no), period TEXT NOT NULL, kwh INTEGER NOT NULL, PRIMARY KEY (meter_no, period));
CREATE TABLE tech (tech_id INTEGER PRIMARY KEY, nm TEXT NOT NULL, depot TEXT NOT NULL);
CREATE TABLE fault (fault_id INTEGER PRIMARY KEY, meter_no TEXT NOT NULL REFERENCES meter(meter_no), tech_id INTEGER REFERENCES tech(tech_id), reported_dt TEXT NOT NULL, kind TEXT NOT NULL, outage_min INTEGER NOT NULL);
CREATE TABLE bill (bill_no INTEGER PRIMARY KEY, cust_id INTEGER NOT NULL REFERENCES cust(cust_id), bill_dt TEXT NOT NULL, amt NUMERIC NOT NULL, paid_dt TEXT);
"""
TARIFFS = [("STD", "Standard", 31, 0), ("NGT", "Night saver", 24, 0), ("ECO", "Wind and sun", 33, 1), ("BIZ", "Business", 27, 0), ("VIP", "Fixed five years", 29, 1)]  # fmt: skip
MODELS, TOWNS = ("Kamra 2", "Kamra 3", "Volta X"), ("Aldorf", "Brunnen", "Cham", "Dorn")


def rows(draw: Random) -> Rows:
    customers: list[Row] = [
        (n, f"{first} {last}", draw.choices(("household", "business", "public"), (7, 3, 1))[0],
         draw.choice(TOWNS), day(draw, "2012-01-01", "2022-12-31"))
        for n, (first, last) in enumerate(people(draw, 60), 1)
    ]  # fmt: skip
    sites: list[Row] = [
        (n, n if n <= 54 else draw.randint(1, 54), f"{draw.randint(1, 99)} Mill Lane", int(draw.random() < 0.25))
        for n in range(1, 76)
    ]
    meters: list[Row] = []
    readings: list[Row] = []
    for number in range(1, 91):
        tariff = draw.choices(("STD", "NGT", "ECO", "BIZ"), (5, 2, 3, 2))[0]
        name = f"M{1000 + number}"
        site = number if number <= 75 else draw.randint(1, 75)
        meters.append((name, site, tariff, draw.choice(MODELS), day(draw, "2015-01-01", "2022-12-31")))
        usual = draw.randint(120, 900)
        for month in range(1, 13):
            if draw.random() < 0.96:
                winter = 1.4 if month in (1, 2, 12) else 1.0
                readings.append((name, f"2023-{month:02d}", int(usual * winter * draw.uniform(0.8, 1.2))))
    techs: list[Row] = [
        (n, f"{first} {last}", draw.choice(TOWNS[:2])) for n, (first, last) in enumerate(people(draw, 7), 1)
    ]
    faults: list[Row] = [
        (n, f"M{1000 + draw.randint(1, 80)}", draw.randint(1, 6) if draw.random() < 0.85 else None,
         day(draw, "2022-01-01", "2023-12-31"), draw.choice(("display", "cable", "fuse", "tamper")), 5 * draw.randint(0, 90))
        for n in range(1, 121)
    ]  # fmt: skip
    bills: list[Row] = []
    for number in range(1, 241):
        billed = day(draw, "2022-01-01", "2023-12-31")
        paid = day(draw, billed, "2024-02-28") if draw.random() < 0.85 else None
        bills.append((number, draw.randint(1, 57), billed, draw.randint(2000, 90000) / 100, paid))
    return {
        "cust": customers,
        "tariff": TARIFFS,
        "site": sites,
        "meter": meters,
        "reading": readings,
        "tech": techs,
        "fault": faults,
        "bill": bills,
    }


DOMAIN = Domain("heldout", DDL, rows)
