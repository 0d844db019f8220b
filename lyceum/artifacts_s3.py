"""Artifacts in an S3-compatible store, for clients and workers that share no disk."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from lyceum.artifacts import Artifact
from lyceum.errors import OperatorError, Unavailable, UserError
from lyceum.extras import install_command
from lyceum.settings import S3Settings


class S3Artifacts:
    """Objects named by the SHA-256 of their bytes; an object that is there is not sent again.

    Raises OperatorError without boto3 and where the store refuses, Unavailable where it does not answer.
    """

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._client: Any = None

    async def put(self, data: bytes, *, media_type: str = "application/octet-stream", name: str = "") -> Artifact:
        sha256 = hashlib.sha256(data).hexdigest()
        if not await asyncio.to_thread(self._holds, sha256):
            await asyncio.to_thread(self._call, "put_object", Key=self._key(sha256), Body=data, ContentType=media_type)
        return Artifact(sha256=sha256, size=len(data), media_type=media_type, name=name)

    async def get(self, sha256: str) -> bytes:
        data = await asyncio.to_thread(self._read, sha256)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise OperatorError(f"Artifact {sha256[:12]} was altered in the store.", next_step="Restore it.")
        return data

    def _key(self, sha256: str) -> str:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise UserError(f"{sha256!r} is not a SHA-256.", next_step="Send the 64 hex digits of an artifact.")
        return f"{self._settings.prefix}{sha256[:2]}/{sha256}"

    def _holds(self, sha256: str) -> bool:
        try:
            self._call("head_object", Key=self._key(sha256))
        except UserError:
            return False
        return True

    def _read(self, sha256: str) -> bytes:
        return self._call("get_object", Key=self._key(sha256))["Body"].read()

    def _call(self, verb: str, **given: Any) -> Any:
        """Make one request; what the store says stays out of the message, it may quote a key."""
        if self._client is None:
            self._client = self._connect()
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, verb)(Bucket=self._settings.bucket, **given)
        except ClientError as error:
            said: Any = error.response  # pyright: ignore[reportUnknownMemberType]
            code = str(said.get("Error", {}).get("Code", ""))
            if code in ("404", "NoSuchKey", "NotFound"):
                raise UserError("There is no such artifact.", next_step="See `lyceum runs show`.") from None
            raise OperatorError(
                f"The artifact store refused {verb} ({code}).", next_step="Check the bucket and keys of `artifacts`."
            ) from None
        except BotoCoreError as error:
            raise Unavailable(
                f"The artifact store does not answer ({type(error).__name__}).", next_step="Check artifacts.endpoint."
            ) from None

    def _connect(self) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ModuleNotFoundError:
            raise OperatorError("The client for S3 is not installed.", next_step=install_command("s3")) from None
        known = self._settings
        make: Any = getattr(boto3, "client")  # noqa: B009 - its type is a thousand overloads
        return make(
            "s3",
            endpoint_url=known.endpoint,
            region_name=known.region,
            aws_access_key_id=known.access_key.get_secret_value() if known.access_key else None,
            aws_secret_access_key=known.secret_key.get_secret_value() if known.secret_key else None,
            config=Config(retries={"max_attempts": 3, "mode": "standard"}, s3={"addressing_style": "path"}),
        )
