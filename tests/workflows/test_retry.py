"""Only what may pass is tried again, after the wait that was asked for, and nobody waits for long."""

from __future__ import annotations

import pytest

from lyceum.errors import OperatorError, Unavailable
from workflows.context import RetryPolicy
from workflows.engines.retry import retrying

QUICK = RetryPolicy(attempts=4, first_wait=0.001, longest_wait=0.003)


class Service:
    """Fails as scripted, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.waits: list[float] = []

    async def call(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return "answer"

    async def told(self, _error: Unavailable, seconds: float, _attempt: int) -> None:
        self.waits.append(seconds)


async def test_waits_grow_up_to_the_longest() -> None:
    service = Service(*[Unavailable("busy")] * 3)
    assert await retrying(service.call, QUICK, service.told) == "answer"
    assert service.waits == [0.001, 0.002, 0.003]


async def test_the_wait_that_is_asked_for_comes_first() -> None:
    service = Service(Unavailable("busy", retry_after=0.0025))
    await retrying(service.call, QUICK, service.told)
    assert service.waits == [0.0025]


async def test_a_wait_longer_than_the_longest_ends_it_at_once() -> None:
    service = Service(Unavailable("busy", retry_after=3600))
    with pytest.raises(Unavailable):
        await retrying(service.call, QUICK, service.told)
    assert service.waits == []


async def test_the_last_failure_is_told_when_every_attempt_is_used() -> None:
    service = Service(*[Unavailable(str(number)) for number in range(5)])
    with pytest.raises(Unavailable, match="3"):
        await retrying(service.call, QUICK)


async def test_what_cannot_pass_is_not_tried_again() -> None:
    service = Service(OperatorError("no key"))
    with pytest.raises(OperatorError):
        await retrying(service.call, QUICK, service.told)
    assert service.waits == []
