"""A company's people: managers who are employees, salaries with a history, hours on projects, flags as Y and N."""

from __future__ import annotations

from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day, later, people

DDL = """
CREATE TABLE locations (location_id INTEGER PRIMARY KEY, city TEXT NOT NULL, country_code TEXT NOT NULL);
CREATE TABLE departments (department_id INTEGER PRIMARY KEY, department_name TEXT NOT NULL, location_id INTEGER REFERENCES locations(location_id));
CREATE TABLE employees (employee_id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, job_title TEXT NOT NULL,
  hire_date TEXT NOT NULL, termination_date TEXT, manager_id INTEGER REFERENCES employees(employee_id),
  department_id INTEGER REFERENCES departments(department_id), is_remote TEXT NOT NULL);
CREATE TABLE salary_history (employee_id INTEGER NOT NULL REFERENCES employees(employee_id), valid_from TEXT NOT NULL,
  valid_to TEXT, annual_salary INTEGER NOT NULL, PRIMARY KEY (employee_id, valid_from));
CREATE TABLE projects (project_id INTEGER PRIMARY KEY, project_name TEXT NOT NULL, budget INTEGER NOT NULL, start_date TEXT NOT NULL, end_date TEXT);
CREATE TABLE assignments (employee_id INTEGER NOT NULL REFERENCES employees(employee_id), project_id INTEGER NOT NULL REFERENCES projects(project_id),
  hours INTEGER NOT NULL, role TEXT NOT NULL, PRIMARY KEY (employee_id, project_id));
"""
LOCATIONS = [(1, "Zurich", "CH"), (2, "Lyon", "FR"), (3, "Turin", "IT"), (4, "Basel", "CH")]
DEPARTMENTS = [(10, "Engineering", 1), (20, "Sales", 2), (30, "Finance", 1), (40, "Support", 3), (50, "Legal", 4)]
PROJECTS = [(1, "Apollo", 400_000, "2022-01-10", "2023-03-31"), (2, "Borealis", 150_000, "2022-09-01", None), (3, "Cobalt", 90_000, "2023-02-15", None),
            (4, "Dune", 275_000, "2021-05-01", "2022-12-15"), (5, "Echo", 60_000, "2023-11-01", None)]  # fmt: skip
JOBS = {10: ("Engineer", "Senior Engineer"), 20: ("Account Manager", "Sales Assistant"), 30: ("Accountant",), 40: ("Support Agent",)}  # fmt: skip


def rows(draw: Random) -> Rows:
    employees: list[Row] = []
    salaries: list[Row] = []
    assigned: list[Row] = []
    for number, (first, last) in enumerate(people(draw, 75), 1):
        department = draw.choices((10, 20, 30, 40), (5, 3, 2, 3))[0] if number > 5 else (10, 10, 20, 30, 40)[number - 1]
        title = (
            draw.choice(JOBS[department])
            if number > 5
            else ("Chief Executive" if number == 1 else "Head of Department")
        )
        manager = None if number == 1 else 1 if number <= 5 else {10: 2, 20: 3, 30: 4, 40: 5}[department]
        hired = day(draw, "2016-01-01", "2023-06-30")
        left = day(draw, "2023-07-01", "2024-03-31") if number > 5 and draw.random() < 0.15 else None
        home = None if number == 1 else department
        employees.append((number, first, last, title, hired, left, manager, home, "Y" if draw.random() < 0.4 else "N"))
        first_pay = 500 * draw.randint(90, 200) + (60_000 if number <= 5 else 0) + 7 * number
        raised = later(hired, draw.randint(200, 600)) if draw.random() < 0.6 else None
        salaries.append((number, hired, raised, first_pay))
        if raised:
            salaries.append((number, raised, None, first_pay + 500 * draw.randint(2, 20)))
        assigned += [
            (number, project, draw.randint(10, 300), draw.choice(("lead", "member", "reviewer")))
            for project in draw.sample(range(1, 5), draw.randint(0, 3))
        ]
    return {
        "locations": LOCATIONS,
        "departments": DEPARTMENTS,
        "employees": employees,
        "salary_history": salaries,
        "projects": PROJECTS,
        "assignments": assigned,
    }


DOMAIN = Domain("heldout", DDL, rows)
