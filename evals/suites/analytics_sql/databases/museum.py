"""A museum: works with several materials, exhibitions, loans to other houses, and tickets without a visitor's name."""

from __future__ import annotations

from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day, later, people

DDL = """
CREATE TABLE artists (artist_id INTEGER PRIMARY KEY, full_name TEXT NOT NULL, birth_year INTEGER NOT NULL, death_year INTEGER, nationality TEXT NOT NULL);
CREATE TABLE works (work_id INTEGER PRIMARY KEY, title TEXT NOT NULL, artist_id INTEGER REFERENCES artists(artist_id), kind TEXT NOT NULL, year_made INTEGER,
  height_cm NUMERIC NOT NULL, insured_value NUMERIC NOT NULL, on_display INTEGER NOT NULL);
CREATE TABLE materials (material_id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE work_materials (work_id INTEGER NOT NULL REFERENCES works(work_id), material_id INTEGER NOT NULL REFERENCES materials(material_id), PRIMARY KEY (work_id, material_id));
CREATE TABLE exhibitions (exhibition_id INTEGER PRIMARY KEY, title TEXT NOT NULL, opened_on TEXT NOT NULL, closed_on TEXT NOT NULL, budget NUMERIC NOT NULL, curator_id INTEGER NOT NULL REFERENCES curators(curator_id));
CREATE TABLE curators (curator_id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, joined_on TEXT NOT NULL);
CREATE TABLE exhibition_works (exhibition_id INTEGER NOT NULL REFERENCES exhibitions(exhibition_id), work_id INTEGER NOT NULL REFERENCES works(work_id), PRIMARY KEY (exhibition_id, work_id));
CREATE TABLE loans (loan_id INTEGER PRIMARY KEY, work_id INTEGER NOT NULL REFERENCES works(work_id), borrower TEXT NOT NULL, city TEXT NOT NULL, loaned_on TEXT NOT NULL, returned_on TEXT, fee NUMERIC NOT NULL);
CREATE TABLE tickets (ticket_id INTEGER PRIMARY KEY, exhibition_id INTEGER NOT NULL REFERENCES exhibitions(exhibition_id), sold_on TEXT NOT NULL, category TEXT NOT NULL, price NUMERIC NOT NULL);
"""
MATERIALS = [(1, "Oil"), (2, "Canvas"), (3, "Bronze"), (4, "Marble"), (5, "Paper"), (6, "Ink"), (7, "Glass")]
SHOWS = (
    "Light and Shadow",
    "Cast in Metal",
    "Paper Worlds",
    "The Long Century",
    "Women of the Atelier",
    "Night Pieces",
)
BORROWERS = (
    ("Rijkshaus", "Utrecht"),
    ("Museo Nuovo", "Turin"),
    ("Kunsthalle Nord", "Hamburg"),
    ("Atelier Est", "Lyon"),
)
PRICES = {"adult": 14, "student": 8, "child": 5, "senior": 9}


def rows(draw: Random) -> Rows:
    artists: list[Row] = [
        (n, f"{first} {last}", born := draw.randint(1780, 1975), born + draw.randint(35, 85) if born < 1930 else None,
         draw.choice(("French", "Dutch", "Italian", "Danish")))
        for n, (first, last) in enumerate(people(draw, 30), 1)
    ]  # fmt: skip
    works: list[Row] = []
    made_of: list[Row] = []
    for number in range(1, 161):
        kind = draw.choices(("painting", "sculpture", "drawing"), (6, 2, 3))[0]
        artist = draw.randint(1, 26) if draw.random() < 0.93 else None
        made = int(str(artists[artist - 1][2])) + draw.randint(20, 60) if artist else None
        height, value = 10 * draw.randint(2, 30) + draw.randint(0, 9), 500 * draw.randint(4, 900)
        works.append((number, f"Study No. {number}", artist, kind, made, height, value, int(draw.random() < 0.45)))
        options = {"painting": ((1, 2),), "sculpture": ((3,), (4,), (7, 3)), "drawing": ((5, 6),)}[kind]
        made_of += [(number, material) for material in draw.choice(options)]
    curators: list[Row] = [
        (n, first, last, day(draw, "2009-01-01", "2021-12-31")) for n, (first, last) in enumerate(people(draw, 5), 1)
    ]
    exhibitions: list[Row] = []
    shown: list[Row] = []
    tickets: list[Row] = []
    for number, title in enumerate(SHOWS, 1):
        opened = day(draw, "2021-02-01", "2024-05-01")
        budget = 100 * draw.randint(5, 20)
        exhibitions.append((number, title, opened, later(opened, draw.randint(60, 150)), budget, draw.randint(1, 4)))
        shown += [(number, work) for work in draw.sample(range(1, 161), draw.randint(8, 25))]
        for _ in range(draw.randint(60, 160)):
            category = draw.choices(tuple(PRICES), (6, 3, 2, 2))[0]
            sold = later(opened, draw.randint(0, 59))
            tickets.append((len(tickets) + 1, number, sold, category, PRICES[category]))
    exhibitions.append((7, "Opening Soon", "2025-03-01", "2025-06-30", 900, 2))
    loans: list[Row] = []
    for number in range(1, 71):
        borrower, city = draw.choice(BORROWERS)
        start = day(draw, "2021-01-01", "2024-10-01")
        back = later(start, draw.randint(30, 200)) if draw.random() < 0.8 else None
        loans.append((number, draw.randint(1, 120), borrower, city, start, back, 50 * draw.randint(4, 60)))
    return {
        "artists": artists,
        "works": works,
        "materials": MATERIALS,
        "work_materials": made_of,
        "curators": curators,
        "exhibitions": exhibitions,
        "exhibition_works": shown,
        "loans": loans,
        "tickets": tickets,
    }


DOMAIN = Domain("heldout", DDL, rows)
