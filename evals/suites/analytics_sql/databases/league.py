"""A football league: two teams a match, dates as year, month and day, goals as events."""

from __future__ import annotations

from itertools import permutations
from random import Random

from evals.suites.analytics_sql.databases.domain import Domain, Row, Rows, people

DDL = """
CREATE TABLE teams (team_id INTEGER PRIMARY KEY, team_name TEXT NOT NULL, home_town TEXT NOT NULL, founded INTEGER NOT NULL, coach TEXT);
CREATE TABLE players (player_id INTEGER PRIMARY KEY, player_name TEXT NOT NULL, position TEXT NOT NULL, birth_year INTEGER NOT NULL,
  team_id INTEGER REFERENCES teams(team_id), weekly_wage INTEGER NOT NULL, is_captain INTEGER NOT NULL);
CREATE TABLE matches (match_id INTEGER PRIMARY KEY, match_year INTEGER NOT NULL, match_month INTEGER NOT NULL, match_day INTEGER NOT NULL,
  home_team_id INTEGER NOT NULL REFERENCES teams(team_id), away_team_id INTEGER NOT NULL REFERENCES teams(team_id),
  home_goals INTEGER NOT NULL, away_goals INTEGER NOT NULL, attendance INTEGER);
CREATE TABLE goals (match_id INTEGER NOT NULL REFERENCES matches(match_id), goal_no INTEGER NOT NULL, player_id INTEGER NOT NULL REFERENCES players(player_id),
  minute INTEGER NOT NULL, penalty INTEGER NOT NULL, PRIMARY KEY (match_id, goal_no));
"""
TEAMS = [(1, "Rovers", "Ashford", 1902, "Nils Aker"), (2, "Albion", "Brimley", 1888, "Pia Conti"), (3, "United", "Carrow", 1921, None), (4, "Athletic", "Ashford", 1954, "Ed Flint"),
         (5, "Wanderers", "Dunmore", 1899, "Sol Reyes"), (6, "Town", "Elston", 1976, None), (7, "Phoenix", "Fenwick", 2023, "Una Holt")]  # fmt: skip


def rows(draw: Random) -> Rows:
    players: list[Row] = []
    for number, (first, last) in enumerate(people(draw, 90), 1):
        team = (number - 1) % 6 + 1 if number <= 84 else None
        position = draw.choices(("Goalkeeper", "Defender", "Midfielder", "Forward"), (1, 4, 4, 3))[0]
        wage = 100 * draw.randint(8, 90) + number
        players.append((number, f"{first} {last}", position, draw.randint(1988, 2005), team, wage, int(number <= 6)))
    scorers = {
        team: [player[0] for player in players if player[4] == team and player[2] in ("Midfielder", "Forward")]
        for team in range(1, 7)
    }
    matches: list[Row] = []
    goals: list[Row] = []
    for year in (2022, 2023, 2024):
        for home, away in permutations(range(1, 7), 2):
            scored = (draw.choices((0, 1, 2, 3, 4), (3, 5, 4, 2, 1))[0], draw.choices((0, 1, 2, 3), (5, 5, 3, 1))[0])
            crowd = draw.randint(40, 220) * 100 if draw.random() < 0.93 else None
            number = len(matches) + 1
            matches.append((number, year, draw.randint(2, 11), draw.randint(1, 28), home, away, *scored, crowd))
            teams = [home] * scored[0] + [away] * scored[1]
            draw.shuffle(teams)
            for n, (minute, team) in enumerate(
                zip(sorted(draw.sample(range(1, 95), len(teams))), teams, strict=True), 1
            ):
                goals.append((number, n, draw.choice(scorers[team]), minute, int(draw.random() < 0.12)))
    return {"teams": TEAMS, "players": players, "matches": matches, "goals": goals}


DOMAIN = Domain("dev", DDL, rows)
