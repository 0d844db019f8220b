"""Sensors that report temperature and humidity: narrow tables of readings, severities as numbers, gaps as nulls."""

from __future__ import annotations

from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day

DDL = """
CREATE TABLE site (site_id INTEGER PRIMARY KEY, site_name TEXT NOT NULL, city TEXT NOT NULL, floor_area_m2 REAL NOT NULL);
CREATE TABLE device (device_id TEXT PRIMARY KEY, site_id INTEGER NOT NULL, model TEXT NOT NULL, firmware TEXT NOT NULL, installed_on TEXT NOT NULL, active INTEGER NOT NULL);
CREATE TABLE reading (device_id TEXT NOT NULL, taken_at TEXT NOT NULL, temperature_c REAL, humidity_pct REAL, battery_mv INTEGER NOT NULL, PRIMARY KEY (device_id, taken_at));
CREATE TABLE alert (alert_id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, raised_at TEXT NOT NULL, severity INTEGER NOT NULL, kind TEXT NOT NULL, acknowledged_at TEXT);
CREATE TABLE maintenance (visit_id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, visit_date TEXT NOT NULL, technician TEXT NOT NULL, cost_eur REAL NOT NULL);
"""
SITES = [(1, "Cold Store A", "Rotterdam", 2400.0), (2, "Cold Store B", "Rotterdam", 1850.5), (3, "Greenhouse", "Utrecht", 5200.0), (4, "Data Hall", "Eindhoven", 930.0)]  # fmt: skip


def rows(draw: Random) -> Rows:
    devices: list[Row] = []
    readings: list[Row] = []
    alerts: list[Row] = []
    visits: list[Row] = []
    for number in range(1, 31):
        name = f"D-{number:03}"
        site = draw.choices((1, 2, 3, 4), (3, 2, 4, 2))[0]
        model = draw.choices(("T100", "T200", "H50"), (4, 3, 0 if site == 4 else 3))[0]
        active = int(draw.random() < 0.85)
        devices.append(
            (name, site, model, draw.choice(("1.4", "2.0", "2.1")), day(draw, "2020-01-01", "2023-06-30"), active)
        )
        moments = {f"{day(draw, '2023-07-01', '2024-02-29')} {draw.randrange(24):02}:15:00" for _ in range(12)}
        for moment in sorted(moments) if number <= 28 else ():
            degrees = round(draw.gauss({1: -19, 2: -17, 3: 23, 4: 20}[site], 2.5), 1) if draw.random() < 0.95 else None
            humidity = round(draw.uniform(20, 90), 1) if model != "T100" else None
            readings.append((name, moment, degrees, humidity, draw.randint(2_700, 3_300)))
        for _ in range(draw.choice((0, 0, 1, 2, 4))):
            raised = f"{day(draw, '2023-07-01', '2024-02-29')} {draw.randrange(24):02}:{draw.randrange(60):02}:00"
            kind = draw.choice(("low battery", "out of range", "offline"))
            seen = f"{raised[:10]} 23:59:00" if draw.random() < 0.7 else None
            alerts.append((len(alerts) + 1, name, raised, draw.choices((1, 2, 3), (5, 3, 2))[0], kind, seen))
        for _ in range(draw.choice((0, 1, 1, 2))):
            person = draw.choices(("A. Visser", "B. Smit", "C. Mulder"), (5, 3, 2))[0]
            visits.append(
                (len(visits) + 1, name, day(draw, "2023-01-01", "2024-02-29"), person, 20.0 + 2.5 * draw.randint(4, 60))
            )
    return {"site": SITES, "device": devices, "reading": readings, "alert": alerts, "maintenance": visits}


DOMAIN = Domain("heldout", DDL, rows)
