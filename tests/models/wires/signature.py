"""Whether a request to AWS bears the signature that its key gives it."""

from __future__ import annotations

import importlib
from typing import Any


def signed(path: str, headers: dict[str, str], body: bytes, key: str, secret: str) -> bool:
    """Tell whether a request bears the signature (version 4) that this key gives it."""
    auth: Any = importlib.import_module("botocore.auth")
    request_type: Any = importlib.import_module("botocore.awsrequest").AWSRequest
    credentials: Any = importlib.import_module("botocore.credentials").Credentials(key, secret)
    given = headers["authorization"]
    names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = request_type(
        method="POST",
        url=f"http://{headers['host']}{path}",
        data=body,
        headers={name: headers[name] for name in names if name != "host"},
    )
    request.context["timestamp"] = headers["x-amz-date"]
    region = given.partition("Credential=")[2].split("/")[2]
    signer = auth.SigV4Auth(credentials, "bedrock", region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return given.endswith(f"Signature={signer.signature(text, request)}")
