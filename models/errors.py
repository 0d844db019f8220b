"""Provider and agent failures in our own tree, so that a person reads who should act and how.

Nothing of the other side's text is passed on: an error body may quote the request, and with it a key.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lyceum.errors import Bug, LimitReached, LyceumError, OperatorError, Unavailable, frames
from lyceum.settings import Trigger
from models.refusals import reason_of, wait_of

if TYPE_CHECKING:
    from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup

_LATER = "Ask again with `lyceum chat -c`, or without it: --offline, or another --model."
_SEE = "See `lyceum models list`."
_REPHRASE = "Put it differently, or use another --model."


def friendly(error: Exception) -> LyceumError:
    """Return the error of our tree that tells a person what to do."""
    if isinstance(error, LyceumError):
        return error
    from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup

    if isinstance(error, FallbackExceptionGroup):
        return _nobody(error)
    known = _told(error) if isinstance(error, AgentRunError) else None
    if known is not None:
        return known
    if isinstance(error, (ConnectionError, TimeoutError)):
        return Unavailable("A service broke off or could not be reached.", next_step=_LATER)
    logging.getLogger(__name__).error("%s\n%s", type(error).__name__, frames(error))
    return Bug(
        f"Something in Lyceum failed ({type(error).__name__}).",
        next_step="Please report it with logs/lyceum.log of LYCEUM_HOME; it holds no message and no data.",
    )


def kind_of(error: Exception) -> Trigger | None:
    """Return what kind of failure of a model this is; None for what is no failure of a model."""
    from pydantic_ai import exceptions as given

    match error:
        case given.ModelRateLimitError():
            return "rate_limit"
        case given.ModelQuotaExceededError():
            return "quota"
        case given.ModelContextWindowExceededError():
            return "context"
        case given.ModelAuthenticationError():
            return "key"
        case given.ModelNotFoundError():
            return "not_found"
        case given.ContentFilterError():
            return "filter"
        case given.ModelRequestRejectedError():
            return reason_of(error) or "rejected"
        case given.ModelTimeoutError() | given.ModelRequestTimeout():
            return "timeout"
        case given.ModelConnectionError():
            return "connection"
        case given.ModelUnavailableError() | given.ModelServerError() | given.ModelHTTPError():
            return reason_of(error) or "server_error"
        case OperatorError():
            return "server_error"
        case given.ModelAPIError() | given.UnexpectedModelBehavior():
            return "unreadable"
        case _:
            return None


def _nobody(group: FallbackExceptionGroup) -> LyceumError:
    """Say what happened to each model of a chain; trying again helps where it would help one of them."""
    told = [friendly(error) for error in group.exceptions]
    what = f"None of the {len(told)} models answered. " + " ".join(error.message for error in told)
    passing = [error for error in told if isinstance(error, Unavailable)]
    if passing:
        waits = [error.retry_after for error in passing if error.retry_after is not None]
        return Unavailable(what, next_step=_LATER, retry_after=min(waits) if len(waits) == len(passing) else None)
    return type(told[0])(what, next_step=told[0].next_step)


def _told(error: AgentRunError) -> LyceumError | None:
    from pydantic_ai import exceptions as given

    model = getattr(error, "model_name", "The model")
    status = f" (HTTP {error.status_code})" if isinstance(error, given.ModelHTTPError) else ""
    reason = reason_of(error) if isinstance(error, given.ModelAPIError) else None
    match error:
        case given.ModelAuthenticationError():
            return OperatorError(
                f"{model}: the provider refused the key{status}.",
                next_step="Set a valid key; `lyceum models list` names its variable.",
            )
        case given.ModelNotFoundError():
            meant = error.suggested_model_id if isinstance(error, given.ModelHTTPError) else None
            return OperatorError(
                f"The provider knows no model {model!r}{status}.",
                next_step=f"Did you mean {meant!r}?" if meant else f"Name another with --model. {_SEE}",
            )
        case given.ModelQuotaExceededError():
            return OperatorError(
                f"{model}: the account has no credit left{status}.", next_step=f"Top it up, or choose another. {_SEE}"
            )
        case given.ModelRateLimitError():
            wait = wait_of(error)
            after = f" It asks to wait {wait:.0f} s." if wait else ""
            return Unavailable(
                f"{model} takes no more requests now{status}.{after}", next_step=_LATER, retry_after=wait
            )
        case given.ModelAPIError() if reason == "filter":
            return OperatorError(f"{model}: the content filter stopped the request{status}.", next_step=_REPHRASE)
        case given.ModelAPIError() if reason == "context" or isinstance(error, given.ModelContextWindowExceededError):
            return LimitReached(
                f"The conversation is longer than {model} reads{status}.",
                next_step="Start a new thread, attach less, or use a model with a longer context.",
            )
        case given.ModelRequestRejectedError():
            return OperatorError(f"{model} rejected the request{status}.", next_step=f"Try another model. {_SEE}")
        case given.ModelTimeoutError() | given.ModelRequestTimeout():
            return Unavailable(f"{model} did not answer in time.", next_step=f"Raise provider.timeout. {_LATER}")
        case given.ModelConnectionError():
            begun = error.phase == "read" or error.in_stream
            how = "broke off in mid-answer" if begun else "could not be reached"
            return Unavailable(f"{model} {how}.", next_step=_LATER)
        case given.ModelHTTPError():
            return Unavailable(f"{model}: the provider failed{status}.", next_step=_LATER, retry_after=wait_of(error))
        case given.ModelAPIError():
            return Unavailable(f"{model} sent an answer that cannot be read.", next_step=_LATER)
        case given.ContentFilterError():
            return OperatorError("The provider's content filter stopped the answer.", next_step=_REPHRASE)
        case given.IncompleteToolCall():
            return LimitReached(
                "The model reached the length of its answers in the middle of a tool call.",
                next_step="Ask for less at once, or use a model that writes longer answers.",
            )
        case given.UnexpectedModelBehavior():
            return Unavailable("The model gave no usable answer.", next_step=_LATER)
        case given.UsageLimitExceeded():
            return LimitReached("The run used its budget.", next_step="Raise the budget settings, or ask less.")
        case _:
            return None
