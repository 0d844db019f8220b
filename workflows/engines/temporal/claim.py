"""Claim check: what is too large for Temporal's history goes to the artifact store and travels as a reference."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from lyceum.artifacts import ArtifactStore
from workflows.engines.journal_store import CLAIM_CHECK_BYTES

_ENCODING = b"lyceum/artifact"


class ClaimCheck(PayloadCodec):
    """Client and workers must reach the same artifacts. A reference names its bytes by their SHA-256."""

    def __init__(self, artifacts: ArtifactStore, threshold: int = CLAIM_CHECK_BYTES) -> None:
        self._artifacts = artifacts
        self._threshold = threshold

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [await self._put(each) for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [await self._get(each) for each in payloads]

    async def _put(self, payload: Payload) -> Payload:
        if payload.ByteSize() <= self._threshold:
            return payload
        kept = await self._artifacts.put(
            payload.SerializeToString(deterministic=True), media_type="application/protobuf"
        )
        return Payload(metadata={"encoding": _ENCODING}, data=kept.sha256.encode())

    async def _get(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != _ENCODING:
            return payload
        return Payload.FromString(await self._artifacts.get(payload.data.decode()))
