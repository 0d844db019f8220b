"""Sums as people write them: the right ones hold, the wrong ones are worked out again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.checks.arithmetic import equations

RIGHT = """
17 * 23 = 391
17*23=391
17 x 23 is 391
17 × 23 = 391.
17 times 23 equals 391
seventeen times twenty-three is three hundred and ninety-one
391 = 17*23
391 is the product of 17 and 23
the product of 17 and 23 is 391
15% of 80 is 12
15 percent of 80 = 12
80 increased by 25% is 100
45 of 60 is 75%
45 out of 60 is 75 percent
30 is 40% of 75
an increase from 80 to 100 is 25%
going from 80 to 100 is a 25% increase
the sum of 12, 15 and 20 is 47
12, 15 and 20 add up to 47
12 + 15 + 20 = 47
the average of 2, 4 and 9 is 5
3 boxes of 12 pencils make 36 pencils
3 apples at $2 each cost $6
half of 90 is 45
twice 12 is 24
12 squared is 144
2^10 = 1024
2 to the power of 10 is 1024
10/3 = 3.33
2/3 = 0.67
2/3 = 0.66
10/3 is about 3
100 - 37 = 63
100 − 37 = 63
(2+3)*4 = 20
2+3*4 = 14
1,250 + 750 = 2,000
3/4 = 75%
17 % 5 = 2
What is 17 * 23? 391
What is 17 * 23? The answer is 391.
17 * 23 = 391 = 400 - 9
17*23 > 390
17*23 is not 401
sqrt(144) = 12
the square root of 144 is 12
subtracting 5 from 12 gives 7
5 dozen is 60
$3.50 + $2.25 = $5.75
12 pencils + 5 pencils = 17 pencils
144 divided by 12 is 12
-3 + 5 = 2
3 * -2 = -6
17*23 → 391
I computed 17 * 23 as 391
25 plus 10% is 27.5
the difference between 10 and 4 is 6
We sold 12 in May, 15 in June and 20 in July, which makes 47 in total
Rock 1297, Latin 579, Metal 374: total 2250
There are 12 red, 15 blue and 20 green balls, 47 balls altogether.
In 2019 we had 3 and in 2020 4, in all 7.
20% off 50 is 40
""".strip().splitlines()
WRONG = """
17 * 23 = 401
17*23=401
17 x 23 is 401
17 × 23 = 401.
17 times 23 equals 401
seventeen times twenty-three is four hundred and one
401 = 17*23
401 is the product of 17 and 23
the product of 17 and 23 is 401
15% of 80 is 14
15 percent of 80 = 14
20% off 50 is 45
80 increased by 25% is 105
45 of 60 is 70%
45 out of 60 is 80 percent
30 is 45% of 75
an increase from 80 to 100 is 20%
going from 80 to 100 is a 20% increase
the sum of 12, 15 and 20 is 50
12, 15 and 20 add up to 50
12 + 15 + 20 = 48
the average of 2, 4 and 9 is 6
3 boxes of 12 pencils make 40 pencils
3 apples at $2 each cost $7
half of 90 is 40
twice 12 is 25
12 squared is 124
2^10 = 1000
2 to the power of 10 is 1000
10/4 = 2.6
10/3 = 3
100/8 = 12
100 - 37 = 73
(2+3)*4 = 14
2+3*4 = 20
1,250 + 750 = 2,100
3/4 = 70%
What is 17 * 23? 401
What is 17 * 23? The answer is 401.
17 * 23 = 391 = 400 - 10
17*23 > 400
17*23 is not 391
sqrt(144) = 13
the square root of 144 is 14
subtracting 5 from 12 gives 6
5 dozen is 50
$3.50 + $2.25 = $6.75
12 pencils + 5 pencils = 18 pencils
144 divided by 12 is 14
-3 + 5 = 8
17*23 → 401
I computed 17 * 23 as 401
25 plus 10% is 28
the difference between 10 and 4 is 5
We sold 12 in May, 15 in June and 20 in July, which makes 50 in total
Rock 1297, Latin 579, Metal 374: total 2350
There are 12 red, 15 blue and 20 green balls, 48 balls altogether.
In 2019 we had 3 and in 2020 4, in all 8.
""".strip().splitlines()
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_holds(text: str) -> None:
    assert {each.holds for each in equations(text)} == {True}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_with_the_right_value(text: str) -> None:
    assert any(each.holds is False and " is " in each.wrong for each in equations(text))


@pytest.mark.parametrize(
    "text",
    [
        "7B * 2 bytes = 14.9 GB",
        "32 * 4096 * 2 bytes = 256 KiB",
        "Grouped-query attention was proposed in 2023.",
        "9 ** 9 ** 9 ** 9 = 1",
        "1 / 0 = 5",
        "Section 3.2 is about 12 heads.",
        "A model of 70B over 4 devices of 80 GB leaves 45 GB for the cache.",
    ],
)
def test_what_cannot_be_compared_is_left_open(text: str) -> None:
    assert not [each for each in equations(text) if each.holds is False]


@pytest.mark.parametrize("page", sorted((ROOT / "mcp_servers/course/notes").glob("*.md")), ids=lambda page: page.stem)
def test_no_worked_number_of_the_course_notes_is_called_wrong(page: Path) -> None:
    paragraphs = page.read_text(encoding="utf-8").split("\n\n")
    assert not [each for text in paragraphs for each in equations(text) if each.holds is False]


@given(st.integers(0, 9999), st.integers(1, 9999), st.sampled_from("+-*"), st.integers(-50, 50))
def test_a_sum_holds_exactly_when_it_is_right(left: int, right: int, sign: str, off: int) -> None:
    true = {"+": left + right, "-": left - right, "*": left * right}[sign]
    [found] = equations(f"So {left} {sign} {right} = {true + off}.")
    assert found.holds == (off == 0)


@given(st.text(alphabet="0123456789+-*/()=% ,.x^isofn$", max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    equations(text)
