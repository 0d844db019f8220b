"""A hotel group in Pascal case: rooms known by hotel and number, prices per night, extras sold in units."""

from __future__ import annotations

from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, day, later, people

DDL = """
CREATE TABLE Hotel (HotelId INTEGER PRIMARY KEY, HotelName TEXT NOT NULL, City TEXT NOT NULL, Stars INTEGER NOT NULL, HasPool BOOLEAN NOT NULL);
CREATE TABLE Room (HotelId INTEGER NOT NULL REFERENCES Hotel(HotelId), RoomNo INTEGER NOT NULL, RoomType TEXT NOT NULL, MaxGuests INTEGER NOT NULL, PRIMARY KEY (HotelId, RoomNo));
CREATE TABLE Guest (GuestId INTEGER PRIMARY KEY, FullName TEXT NOT NULL, Nationality TEXT NOT NULL, LoyaltyTier TEXT, Email TEXT NOT NULL);
CREATE TABLE Booking (BookingId INTEGER PRIMARY KEY, GuestId INTEGER NOT NULL REFERENCES Guest(GuestId), HotelId INTEGER NOT NULL, RoomNo INTEGER NOT NULL,
  CheckIn DATE NOT NULL, CheckOut DATE NOT NULL, NightlyRate NUMERIC NOT NULL, Status TEXT NOT NULL, FOREIGN KEY (HotelId, RoomNo) REFERENCES Room(HotelId, RoomNo));
CREATE TABLE Service (ServiceId INTEGER PRIMARY KEY, ServiceName TEXT NOT NULL, UnitPrice NUMERIC NOT NULL);
CREATE TABLE BookingService (BookingId INTEGER NOT NULL REFERENCES Booking(BookingId), ServiceId INTEGER NOT NULL REFERENCES Service(ServiceId), Units INTEGER NOT NULL, PRIMARY KEY (BookingId, ServiceId));
CREATE TABLE Review (ReviewId INTEGER PRIMARY KEY, BookingId INTEGER NOT NULL REFERENCES Booking(BookingId), Rating INTEGER NOT NULL, Comment TEXT);
"""
HOTELS = [(1, "Grand Adria", "Split", 5, 1), (2, "Harbour Inn", "Split", 3, 0), (3, "Alpine Lodge", "Innsbruck", 4, 1), (4, "City Garden", "Graz", 4, 0), (5, "Old Mill", "Graz", 3, 0)]  # fmt: skip
SERVICES = [(1, "Breakfast", 14.5), (2, "Parking", 18), (3, "Massage", 65), (4, "Laundry", 9), (5, "Airport transfer", 40), (6, "Babysitting", 25)]  # fmt: skip


def rows(draw: Random) -> Rows:
    rooms: list[Row] = []
    for hotel, *_ in HOTELS:
        for number in range(101, 101 + draw.randint(6, 10)):
            kind = draw.choices(("Single", "Double", "Suite"), (3, 5, 2))[0]
            rooms.append((hotel, number, kind, {"Single": 1, "Double": 2, "Suite": 4}[kind]))
    bookings: list[Row] = []
    extras: list[Row] = []
    reviews: list[Row] = []
    for number in range(1, 221):
        hotel, room, kind, _ = draw.choice([each for each in rooms if each[0] != 5])  # the fifth is not open yet
        arrival = day(draw, "2022-04-01", "2023-12-28")
        rate = {"Single": 70, "Double": 105, "Suite": 190}[str(kind)] + 5 * draw.randint(0, 12)
        status = draw.choices(("Completed", "Cancelled", "NoShow"), (8, 2, 1))[0]
        bookings.append(
            (number, draw.randint(1, 63), hotel, room, arrival, later(arrival, draw.randint(1, 9)), rate, status)
        )
        if status == "Completed":
            extras += [(number, item, draw.randint(1, 5)) for item in draw.sample(range(1, 6), draw.randint(0, 3))]
            if draw.random() < 0.55:
                rating = draw.choices((1, 2, 3, 4, 5), (1, 2, 4, 8, 7))[0]
                reviews.append((len(reviews) + 1, number, rating, draw.choice(("Lovely stay", "Noisy room", None))))
    guests = [
        (n, f"{first} {last}", draw.choices(("Austria", "Italy", "Japan", "Croatia"), (5, 3, 1, 2))[0],
         draw.choices(("Gold", "Silver", None), (1, 2, 5))[0], f"{first}.{last}@example.com".lower())
        for n, (first, last) in enumerate(people(draw, 70), 1)
    ]  # fmt: skip
    return {
        "Hotel": HOTELS,
        "Room": rooms,
        "Guest": guests,
        "Booking": bookings,
        "Service": SERVICES,
        "BookingService": extras,
        "Review": reviews,
    }


DOMAIN = Domain("heldout", DDL, rows)
