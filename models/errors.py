"""Provider and agent failures in our own tree, so that a person reads who should act and how."""

from __future__ import annotations

from lyceum.errors import Bug, LimitReached, LyceumError, OperatorError, Unavailable

_NEXT = "Check the provider's status, or answer without it: --offline, or a pulled local model."


def friendly(error: Exception) -> LyceumError:
    """Return the error of our tree that tells a person what to do; secrets and bodies are left out."""
    if isinstance(error, LyceumError):
        return error
    from pydantic_ai import exceptions as agent_errors

    if isinstance(error, agent_errors.ModelHTTPError):
        status = error.status_code
        if status in (401, 403):
            return OperatorError(
                f"{error.model_name} refused the key (HTTP {status}).",
                next_step="Set that provider's key; `lyceum models list` names its variable.",
            )
        if status == 404:
            return OperatorError(
                f"The provider knows no model {error.model_name!r}.", next_step="See `lyceum models list`."
            )
        return Unavailable(f"{error.model_name} answered HTTP {status}.", next_step=_NEXT)
    if isinstance(error, agent_errors.UsageLimitExceeded):
        return LimitReached(str(error), next_step="Raise the budget settings, or ask something narrower.")
    if isinstance(error, agent_errors.UnexpectedModelBehavior):
        return Unavailable(
            f"The model did not give a usable answer: {error.message}", next_step="Ask again, or --model."
        )
    named = type(error).__name__
    if (
        isinstance(error, (agent_errors.ModelAPIError, ConnectionError, TimeoutError))
        or "Connect" in named
        or "Protocol" in named
    ):
        return Unavailable(f"The model could not be reached or broke off ({named}).", next_step=_NEXT)
    return Bug(f"{named}: {error}", next_step="Please report this with the run's id.")
