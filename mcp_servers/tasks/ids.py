"""Task ids that cannot be guessed: which run, for whom, how long; sealed with a key of the home folder."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from typing import Literal

from pydantic import BaseModel, ValidationError

from lyceum.errors import UserError

_SEAL_BYTES = 18  # 144 bits

Kind = Literal["call", "run"]


class Ticket(BaseModel):
    """What a task id stands for: `call` is a call of a tool, `run` a run that a worker drives. Times in ms."""

    kind: Kind
    run: str
    created: int
    ttl: int

    @property
    def expired(self) -> bool:
        return time.time() * 1000 > self.created + self.ttl


class TaskIds:
    """Seals and opens ids. An id belongs to one caller: another's is as unknown as one that was made up."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"lyceum task ids" + key).digest()

    def seal(self, ticket: Ticket, caller: str) -> str:
        body = ticket.model_dump_json().encode()
        return _text(self._mark(body, caller) + body)

    def open(self, task: str, caller: str) -> Ticket:
        """Return what the id stands for; raises UserError for one that is unknown, expired or another caller's."""
        try:
            raw = base64.urlsafe_b64decode(task + "=" * (-len(task) % 4))
            mark, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
            if hmac.compare_digest(mark, self._mark(body, caller)) and _text(raw) == task:
                ticket = Ticket.model_validate_json(body)
                if not ticket.expired:
                    return ticket
        except (ValueError, binascii.Error, ValidationError):
            pass
        raise UserError("There is no such task.", next_step="It may have expired: call the tool again.")

    def _mark(self, body: bytes, caller: str) -> bytes:
        return hmac.digest(self._key, caller.encode() + b"\0" + body, "sha256")[:_SEAL_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
