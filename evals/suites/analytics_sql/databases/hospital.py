"""A hospital in camel case: a junction to diagnoses, doctors who supervise doctors, charges in cents."""

from __future__ import annotations

from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day, later, people

DDL = """
CREATE TABLE Wards (wardCode TEXT PRIMARY KEY, wardName TEXT NOT NULL, beds INTEGER NOT NULL);
CREATE TABLE Physicians (physicianId INTEGER PRIMARY KEY, fullName TEXT NOT NULL, specialty TEXT NOT NULL,
  supervisorId INTEGER REFERENCES Physicians(physicianId));
CREATE TABLE Patients (patientId INTEGER PRIMARY KEY, firstName TEXT NOT NULL, lastName TEXT NOT NULL, gender TEXT NOT NULL,
  birthDate TEXT NOT NULL, homeCity TEXT NOT NULL, insurer TEXT);
CREATE TABLE Admissions (admissionId INTEGER PRIMARY KEY, patientId INTEGER NOT NULL REFERENCES Patients(patientId),
  physicianId INTEGER NOT NULL REFERENCES Physicians(physicianId), wardCode TEXT NOT NULL REFERENCES Wards(wardCode),
  admittedOn TEXT NOT NULL, dischargedOn TEXT, isEmergency INTEGER NOT NULL);
CREATE TABLE Diagnoses (icdCode TEXT PRIMARY KEY, title TEXT NOT NULL, isChronic INTEGER NOT NULL);
CREATE TABLE AdmissionDiagnoses (admissionId INTEGER NOT NULL REFERENCES Admissions(admissionId),
  icdCode TEXT NOT NULL REFERENCES Diagnoses(icdCode), PRIMARY KEY (admissionId, icdCode));
CREATE TABLE Charges (chargeId INTEGER PRIMARY KEY, admissionId INTEGER NOT NULL REFERENCES Admissions(admissionId),
  item TEXT NOT NULL, amountCents INTEGER NOT NULL);
"""
WARDS = [("CAR", "Cardiology", 18), ("ORT", "Orthopaedics", 24), ("PED", "Paediatrics", 12), ("NEU", "Neurology", 10), ("ICU", "Intensive Care", 6)]  # fmt: skip
DOCTORS = [
    ("Lena Hartwig", "Cardiologist", None), ("Omar Siddiq", "Cardiologist", 1), ("Piotr Zielinski", "Surgeon", None),
    ("Chloe Martin", "Surgeon", 3), ("Ravi Menon", "Paediatrician", None), ("Sofia Lindqvist", "Neurologist", None),
    ("Tom Baker", "Neurologist", 6), ("Yuki Tanabe", "Surgeon", 3), ("Gina Falk", "Cardiologist", 1),
]  # fmt: skip
DIAGNOSES = [("I10", "Hypertension", 1), ("E11", "Type 2 diabetes", 1), ("S72", "Fracture of femur", 0), ("J18", "Pneumonia", 0),
             ("G40", "Epilepsy", 1), ("I21", "Heart attack", 0), ("A09", "Gastroenteritis", 0), ("B54", "Malaria", 0)]  # fmt: skip
ITEMS = {"X-ray": 8_500, "MRI scan": 42_000, "Blood test": 2_300, "Physiotherapy": 6_000, "Meals": 1_800}


def rows(draw: Random) -> Rows:
    admissions: list[Row] = []
    found: list[Row] = []
    charges: list[Row] = []
    for number in range(1, 181):
        admitted = day(draw, "2021-06-01", "2023-12-31")
        left = later(admitted, draw.randint(1, 14)) if draw.random() < 0.93 else None
        ward = draw.choices([code for code, _, _ in WARDS], (6, 5, 4, 3, 2))[0]
        emergency = int(draw.random() < 0.35)
        doctor = draw.choices(range(1, 9), (9, 6, 7, 4, 5, 3, 2, 1))[0]  # the ninth has admitted nobody yet
        admissions.append((number, draw.randint(1, 72), doctor, ward, admitted, left, emergency))
        found += [(number, code) for code in draw.sample([code for code, _, _ in DIAGNOSES[:7]], draw.randint(1, 3))]
        for item in draw.sample(list(ITEMS), draw.randint(1, 3)):
            charges.append((len(charges) + 1, number, item, ITEMS[item] + 50 * draw.randint(0, 40)))
    cities = ("Bremen", "Kiel", "Hamburg", "Lübeck")
    return {
        "Wards": WARDS,
        "Physicians": [(number, *doctor) for number, doctor in enumerate(DOCTORS, 1)],
        "Patients": [
            (n, first, last, draw.choice("FM"), day(draw, "1940-01-01", "2018-12-31"), draw.choices(cities, (4, 3, 2, 1))[0],
             draw.choice(("Barmer", "AOK", "Allianz", None)))
            for n, (first, last) in enumerate(people(draw, 80), 1)
        ],
        "Admissions": admissions,
        "Diagnoses": DIAGNOSES,
        "AdmissionDiagnoses": found,
        "Charges": charges,
    }  # fmt: skip


DOMAIN = Domain("heldout", DDL, rows)
