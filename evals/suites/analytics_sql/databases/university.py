"""A university: enrolments by student, course, year and term; courses that require courses; grades still missing."""

from __future__ import annotations

from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, people

DDL = """
CREATE TABLE department (dept_code TEXT PRIMARY KEY, dept_name TEXT NOT NULL, building TEXT NOT NULL, budget INTEGER NOT NULL);
CREATE TABLE lecturer (lecturer_id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, rank TEXT NOT NULL,
  salary INTEGER NOT NULL, dept_code TEXT NOT NULL REFERENCES department(dept_code));
CREATE TABLE student (student_id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, home_country TEXT NOT NULL,
  entry_year INTEGER NOT NULL, major_dept TEXT REFERENCES department(dept_code), has_scholarship TEXT NOT NULL CHECK (has_scholarship IN ('Y', 'N')));
CREATE TABLE course (course_code TEXT PRIMARY KEY, title TEXT NOT NULL, credits INTEGER NOT NULL,
  dept_code TEXT NOT NULL REFERENCES department(dept_code), lecturer_id INTEGER REFERENCES lecturer(lecturer_id));
CREATE TABLE prerequisite (course_code TEXT NOT NULL REFERENCES course(course_code), requires_code TEXT NOT NULL REFERENCES course(course_code),
  PRIMARY KEY (course_code, requires_code));
CREATE TABLE enrollment (student_id INTEGER NOT NULL REFERENCES student(student_id), course_code TEXT NOT NULL REFERENCES course(course_code),
  year INTEGER NOT NULL, term TEXT NOT NULL, grade REAL, PRIMARY KEY (student_id, course_code));
"""
DEPARTMENTS = [("MATH", "Mathematics", "Gauss House", 900_000), ("PHYS", "Physics", "Curie Hall", 1_450_000),
               ("HIST", "History", "Old College", 420_000), ("BIOL", "Biology", "Curie Hall", 1_100_000)]  # fmt: skip
COURSES = [
    ("MA101", "Calculus I", 6, "MATH", 1), ("MA102", "Linear Algebra", 6, "MATH", 2), ("MA201", "Calculus II", 6, "MATH", 1),
    ("MA301", "Topology", 4, "MATH", None), ("PH101", "Mechanics", 5, "PHYS", 4), ("PH201", "Quantum Mechanics", 8, "PHYS", 5),
    ("PH110", "Optics", 4, "PHYS", 4), ("HI101", "Ancient Rome", 3, "HIST", 7), ("HI205", "The Cold War", 4, "HIST", 7),
    ("BI101", "Cell Biology", 5, "BIOL", 8), ("BI202", "Genetics", 6, "BIOL", 9), ("BI303", "Marine Ecology", 3, "BIOL", 8),
]  # fmt: skip
REQUIRED = [("MA201", "MA101"), ("MA301", "MA201"), ("MA301", "MA102"), ("PH201", "PH101"), ("PH201", "MA102"), ("BI202", "BI101")]  # fmt: skip
LECTURERS = [
    ("Emmy", "Vogel", "Professor", 98_000, "MATH"), ("Carl", "Brandt", "Reader", 71_000, "MATH"), ("Ida", "Ruiz", "Lecturer", 55_500, "MATH"),
    ("Niels", "Holm", "Professor", 104_000, "PHYS"), ("Marie", "Dubois", "Professor", 101_000, "PHYS"), ("Kofi", "Mensah", "Lecturer", 54_000, "PHYS"),
    ("Clio", "Marsh", "Reader", 69_000, "HIST"), ("Rachel", "Stone", "Professor", 96_000, "BIOL"), ("Greg", "Pease", "Lecturer", 58_000, "BIOL"),
]  # fmt: skip


def rows(draw: Random) -> Rows:
    enrollments: list[Row] = []
    students: list[Row] = []
    for number, (first, last) in enumerate(people(draw, 90), 1):
        entry = draw.choice((2020, 2021, 2022, 2023))
        country = draw.choices(("Germany", "Ghana", "Chile", "Japan", "Spain"), (6, 3, 2, 2, 1))[0]
        major = draw.choices(("MATH", "PHYS", "HIST", "BIOL", None), (4, 3, 2, 5, 1))[0]
        students.append((number, first, last, country, entry, major, "Y" if draw.random() < 0.3 else "N"))
        taken = draw.sample(
            [code for code, *_ in COURSES if code != "MA301"], draw.randint(1, 5) if number <= 84 else 0
        )
        for code in taken:
            year = draw.randint(entry, 2023)
            grade = draw.choice((1.0, 1.3, 1.7, 2.0, 2.3, 2.7, 3.0, 3.7, 5.0)) if draw.random() < 0.88 else None
            enrollments.append((number, code, year, draw.choice(("Spring", "Autumn")), grade))
    return {
        "department": DEPARTMENTS,
        "lecturer": [(number, *lecturer) for number, lecturer in enumerate(LECTURERS, 1)],
        "student": students,
        "course": COURSES,
        "prerequisite": REQUIRED,
        "enrollment": enrollments,
    }


DOMAIN = Domain("dev", DDL, rows)
