"""An OAuth authorization server on this machine, as small as one can be: metadata, keys, and signed tokens."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.serving import serving


@contextlib.contextmanager
def issuing() -> Generator[str]:
    """Run the server; gives its issuer URL. `POST /token` issues what is asked for, without asking who asks."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": "1", "alg": "ES256", "use": "sig"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/.well-known/oauth-authorization-server":
                known = {"issuer": issuer, "jwks_uri": f"{issuer}/jwks", "token_endpoint": f"{issuer}/token"}
                self._answer(known)
            else:
                self._answer({"keys": [public]})

        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            first = {name: values[0] for name, values in asked.items()}
            claims = {
                "iss": issuer,
                "sub": first["sub"],
                "aud": first["resource"],
                "scope": first.get("scope", ""),
                "exp": int(time.time()) + int(first.get("seconds", "60")),
            }
            token = jwt.encode(claims, key, algorithm="ES256", headers={"kid": "1"})
            self._answer({"access_token": token, "token_type": "Bearer"})

        def _answer(self, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with serving(Handler) as issuer:
        yield issuer
