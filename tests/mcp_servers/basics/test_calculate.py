"""Sums come out exact, in the unit that is asked for, and nothing but a sum is worked out."""

from __future__ import annotations

import contextlib
import time
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.errors import ModelRetry
from mcp_servers.basics.calculation import calculate

SUMS = {
    "0.1 + 0.2": "0.3",
    "3/7 + 1/7": "0.5714285714",
    "2^10": "1,024",
    "-2^2": "-4",
    "2^3^2": "512",
    "17 % 5": "2",
    "10 // 3": "3",
    "3,240 * 2": "6,480",
    "max(3,240)": "240",
    "sqrt(16/9) * 3": "4",
    "log(1000) + ln(e)": "4",
    "sin(30 degrees)": "0.5",
    "5! + comb(5, 2)": "130",
    "round(2.5)": "3",
    "200 + 10%": "220",
    "15% off $80": "68 USD",
    "what percent of 80 is 20": "25%",
    "percentage change from 80 to 100": "25%",
    "twelve times seven": "84",
    "the average of 3, 4 and 8": "5",
    "3.5 million / 7": "500,000",
    "255 in hex": "0xff",
    "1/2 kg + 250 g": "0.75 kg",
    "5 ft 3 in in cm": "160.02 cm",
    "3 in in cm": "7.62 cm",
    "180 cm in feet and inches": "5 feet 10.86614173 inches",
    "100 km / 2 h": "50 km/h",
    "60 miles per hour in km/h": "96.56064 km/h",
    "10 kg m/s^2 in newtons": "10 newtons",
    "37 °C in fahrenheit": "98.6 fahrenheit",
    "3 square metres in square feet": "32.29173125 feet^2",
    "how many seconds are in 3 days": "259,200 seconds",
    "30 mpg in km/L": "12.75431122 km/L",
    "100 USD * 0.92 EUR/USD": "92 EUR",
    "sqrt(16 m^2)": "4 m",
}


@pytest.mark.parametrize(("asked", "result"), SUMS.items())
def test_a_sum_is_worked_out_as_people_expect(asked: str, result: str) -> None:
    assert calculate(asked).result == result


async def test_the_answer_shows_its_steps_and_keeps_the_exact_value(call: Any) -> None:
    answer = await call("basics_calculate", expression="What is 17.5% of 3,240 kg in pounds?")
    assert answer["text"] == "17.5% of 3,240 kg = 567 kg ≈ 1,250.021027 pounds"
    assert Fraction(answer["exact"]) * Fraction("0.45359237") == 567
    assert answer["sources"][0]["text"] == answer["text"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("5 kilogrms in lb", "Nearest: kilogram"),
        ("3 kg + 2 m", "length cannot be given in kg, which is mass"),
        ("100 EUR in USD", "no source of rates"),
        ("20 °C + 5 °C", "kelvin"),
        ("9^9^9", "smaller exponent"),
        ("1e9999", "3,600 digits"),
        ("factorial(100000)", "factorial is not defined for that, or too large"),
        ("1/0", "divides by zero"),
        ("sqrt(-1)", "not a real number"),
        ("__import__('os')", "no part of a sum"),
        ("(1).__class__", "no part of a sum"),
        ("open(1)", "no function 'open'"),
        ("(" * 200 + "1" + ")" * 200, "nested too deeply"),
        ("3 kg in", "cannot be read"),
        ("cheese", "no unit 'cheese'"),
        ("", "no expression"),
    ],
)
async def test_what_cannot_be_worked_out_is_refused_with_what_to_send(call: Any, asked: str, words: str) -> None:
    with pytest.raises(Exception, match=r".") as refused:
        await call("basics_calculate", expression=asked)
    assert words in str(refused.value)


async def test_a_quantity_converts_to_a_unit_given_apart(call: Any) -> None:
    assert (await call("basics_convert", quantity="3.5 kg", to="pounds"))["result"] == "7.716179176 pounds"


_PIECES = "1 2 3.5 1,000 kg m s in to as % ^ * / // + - ( ) sqrt( max( , ! $ of °C F e sin( 10^9 1e300 hex".split()


@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=12), st.sampled_from(["", " "]))
@settings(max_examples=150, deadline=None)
def test_anything_is_worked_out_or_refused_within_a_second(pieces: list[str], between: str) -> None:
    start = time.process_time()
    with contextlib.suppress(ModelRetry):
        calculate(between.join(pieces))
    assert time.process_time() - start < 3


@given(st.fractions(min_value=-1000, max_value=1000), st.sampled_from(["mile", "pound", "inch", "gallon", "degF"]))
@settings(max_examples=50, deadline=None)
def test_a_conversion_there_and_back_changes_nothing(value: Fraction, unit: str) -> None:
    from mcp_servers.basics.expression import Amount, in_unit
    from mcp_servers.basics.units import registry, unit_named

    there = {"mile": "km", "pound": "kg", "inch": "cm", "gallon": "liter", "degF": "degC"}[unit]
    out = in_unit(Amount(value, registry().Unit(unit)), unit_named(there))
    assert in_unit(out, registry().Unit(unit)).value == value
