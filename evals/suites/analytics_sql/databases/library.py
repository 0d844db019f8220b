"""A city library: several authors a book, several copies, loans that are still out, fines in another table."""

from __future__ import annotations

from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day, later, people

DDL = """
CREATE TABLE branches (id INTEGER PRIMARY KEY, name TEXT NOT NULL, district TEXT NOT NULL);
CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, birth_year INTEGER, nationality TEXT);
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL, genre TEXT NOT NULL, published_year INTEGER NOT NULL, pages INTEGER NOT NULL);
CREATE TABLE book_authors (book_id INTEGER NOT NULL REFERENCES books(id), author_id INTEGER NOT NULL REFERENCES authors(id), PRIMARY KEY (book_id, author_id));
CREATE TABLE copies (barcode TEXT PRIMARY KEY, book_id INTEGER NOT NULL REFERENCES books(id), branch_id INTEGER NOT NULL REFERENCES branches(id), is_lost INTEGER NOT NULL);
CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, joined_on DATE NOT NULL, referred_by INTEGER REFERENCES members(id));
CREATE TABLE loans (id INTEGER PRIMARY KEY, barcode TEXT NOT NULL REFERENCES copies(barcode), member_id INTEGER NOT NULL REFERENCES members(id),
  loaned_on DATE NOT NULL, due_on DATE NOT NULL, returned_on DATE);
CREATE TABLE fines (id INTEGER PRIMARY KEY, loan_id INTEGER NOT NULL REFERENCES loans(id), amount NUMERIC NOT NULL, paid INTEGER NOT NULL);
"""
AUTHORS = [(1, "Miriam Calder", 1951, "Scottish"), (2, "Tomas Havel", 1968, "Czech"), (3, "Aiko Mori", 1974, "Japanese"), (4, "Luis Ortega", 1939, "Mexican"),
           (5, "Freya Nilsen", 1985, "Norwegian"), (6, "Jan Novotny", None, "Czech"), (7, "Grace Oduya", 1990, "Kenyan")]  # fmt: skip
BOOKS = [
    ("The Glass Harbour", "Novel", 1999, 412), ("Rivers of Iron", "History", 2007, 560), ("Night Gardening", "Poetry", 2015, 96), ("The Cartographer", "Novel", 1978, 320),
    ("Salt Roads", "History", 1984, 275), ("A Winter Algebra", "Novel", 2019, 288), ("Small Machines", "Science", 2012, 344), ("The Ninth Bell", "Crime", 2003, 390),
    ("Ash and Amber", "Crime", 2021, 365), ("How Birds Sleep", "Science", 2018, 210), ("Letters from Brno", "Novel", 1991, 198), ("Tin Moon", "Poetry", 1988, 80),
    ("Deep Fields", "Science", 2022, 430), ("The Empty Quarter", "Crime", 2010, 301),
]  # fmt: skip
WRITTEN = [(1, 1), (2, 2), (2, 4), (3, 3), (4, 4), (5, 4), (6, 5), (7, 3), (7, 6), (8, 1), (9, 1), (9, 5), (10, 3), (11, 2), (12, 4), (13, 3), (13, 5), (14, 1)]  # fmt: skip


def rows(draw: Random) -> Rows:
    copies: list[Row] = []
    for book in range(1, 14):
        for _ in range(draw.randint(2, 5)):
            copies.append(
                (f"C{len(copies) + 1:04}", book, draw.choices((1, 2, 3), (5, 3, 2))[0], int(draw.random() < 0.08))
            )
    members: list[Row] = []
    for number, (first, last) in enumerate(people(draw, 70), 1):
        email = f"{first}.{last}@example.org".lower() if draw.random() < 0.8 else None
        referrer = draw.randint(1, number - 1) if number > 5 and draw.random() < 0.4 else None
        members.append((number, f"{first} {last}", email, day(draw, "2019-01-01", "2023-12-31"), referrer))
    loans: list[Row] = []
    fines: list[Row] = []
    for number in range(1, 241):
        out = day(draw, "2022-01-01", "2024-03-31")
        days = draw.randint(3, 40) if draw.random() < 0.9 else None
        loans.append(
            (
                number,
                draw.choice(copies)[0],
                draw.randint(1, 63),
                out,
                later(out, 21),
                later(out, days) if days else None,
            )
        )
        if days and days > 21:
            fines.append((len(fines) + 1, number, round(0.3 * (days - 21), 2), int(draw.random() < 0.6)))
    return {
        "branches": [
            (1, "Central", "Old Town"),
            (2, "Riverside", "Docks"),
            (3, "Hilltop", "North"),
            (4, "Depot", "North"),
        ],
        "authors": AUTHORS,
        "books": [(number, *book) for number, book in enumerate(BOOKS, 1)],
        "book_authors": WRITTEN,
        "copies": copies,
        "members": members,
        "loans": loans,
        "fines": fines,
    }


DOMAIN = Domain("dev", DDL, rows)
