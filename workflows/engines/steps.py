"""One call of a step function, the same on every engine: its types, its options, its key, its heartbeats."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from lyceum.errors import Unavailable, UserError
from workflows.context import StepOptions
from workflows.engines.retry import retrying
from workflows.runtime import CURRENT_STEP, Runtime, StepScope

Step = Callable[..., Awaitable[Any]]

_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


class Signature:
    """How a step function's arguments and result become JSON and come back as what the function declares."""

    def __init__(self, fn: Step) -> None:
        if "<" in fn.__qualname__:
            raise UserError(
                f"{fn.__qualname__} is not a module-level function.", next_step="Move it to a steps module."
            )
        hints = get_type_hints(fn)
        if "return" not in hints:
            raise UserError(f"{fn.__qualname__} does not say what it returns.", next_step="Annotate its result.")
        self.options: StepOptions = getattr(fn, "step_options", StepOptions())
        self.result: TypeAdapter[Any] = TypeAdapter(hints["return"])
        self._parameters = inspect.signature(fn)
        self._adapters = {
            name: TypeAdapter[Any](hints[name]) if name in hints else _ANYTHING
            for name in list(self._parameters.parameters)[1:]
        }

    def dump(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by name as JSON-able values."""
        given = self._parameters.bind(None, *args, **kwargs).arguments
        return {name: self._adapters[name].dump_python(given[name], mode="json") for name in list(given)[1:]}

    def identity(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], renamed: tuple[str, str] | None = None) -> str:
        """Return a hash of the arguments; a field with a default that a later release adds to a model changes none.

        With `renamed`, of the arguments as they would be with the second text wherever the first one stands.
        """
        given = self._parameters.bind(None, *args, **kwargs).arguments
        named = list(given)[1:]
        dumped = {
            name: self._adapters[name].dump_python(given[name], mode="json", exclude_defaults=True) for name in named
        }
        return fingerprint(dumped if renamed is None else json.loads(json.dumps(dumped).replace(*renamed)))

    def load(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._adapters[name].validate_python(value) for name, value in arguments.items()}


@lru_cache(maxsize=1024)
def signature(fn: Step) -> Signature:
    """Return a function's signature; raises UserError where it is no module-level function with a typed result."""
    return Signature(fn)


async def call_once(fn: Step, runtime: Runtime, scope: StepScope, arguments: Mapping[str, Any]) -> Any:
    """Call a step a single time and return its result as JSON; a step over its time is `Unavailable`."""
    known = signature(fn)
    token = CURRENT_STEP.set(scope)
    seconds = known.options.seconds
    clock = asyncio.timeout(seconds)
    try:
        async with clock:
            result = await fn(runtime, **known.load(arguments))
    except TimeoutError as error:
        if not clock.expired():
            raise
        raise Unavailable(f"{fn.__name__} took longer than {seconds:g} s.", next_step="Try again later.") from error
    finally:
        CURRENT_STEP.reset(token)
    return known.result.dump_python(result, mode="json")


async def call_step(fn: Step, runtime: Runtime, scope: StepScope, arguments: Mapping[str, Any]) -> Any:
    """Call a step until it succeeds, fails for good or its policy has no try left."""

    async def once() -> Any:
        scope.attempt += 1
        return await call_once(fn, runtime, scope, arguments)

    return await retrying(once, signature(fn).options.retry)


def fingerprint(value: object) -> str:
    """Return a hash of JSON-able arguments; the same arguments give the same hash in every process."""
    encoded = _ANYTHING.dump_python(value, mode="json", fallback=repr, exclude_defaults=True)
    return hashlib.sha256(json.dumps(encoded, sort_keys=True).encode()).hexdigest()[:32]


def child_id(run: str, key: str) -> str:
    """Return the id of the run that a step starts: the same however often it is started."""
    return hashlib.sha256(f"{run}/{key}".encode()).hexdigest()[:12]
