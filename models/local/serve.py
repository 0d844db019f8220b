"""A pulled model behind the OpenAI wire, through llama.cpp's own server: for other clients, or other machines."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Any

from lyceum.errors import OperatorError, UserError
from models.local.engine import CONTEXT, SLOTS


class Served:
    """A running server; it answers in threads of its own until the process ends. `url` ends in /v1."""

    def __init__(self, path: Path, name: str, *, host: str = "127.0.0.1", port: int = 0, key: str = "") -> None:
        """Load the model and listen; port 0 takes a free one, and with `key` every request has to bring it.

        Raises UserError when other machines could use it without a key, the port does not exist or the file is no
        model, and OperatorError when the port is taken.
        """
        if not key and not is_loopback(host):
            raise UserError(
                f"At {host} everyone on the network could use the model.",
                next_step="Set LYCEUM_PROVIDER__API_KEY to a key that requests must bring, or leave --host out.",
            )
        port = _free(host, port)
        origin = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self.url = f"{origin}/v1"
        self._server = _start(path, name, host, port, origin, key)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _free(host: str, port: int) -> int:
    """Return the port, chosen when it is 0; llama.cpp itself does not say why it cannot listen."""
    if not 0 <= port <= 65_535:
        raise UserError(f"There is no port {port}.", next_step="Ports go to 65535; 0 takes a free one.")
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise OperatorError(
            f"{host}:{port} cannot be listened on ({error.strerror}).", next_step="Choose another: --port N."
        ) from None


def _start(path: Path, name: str, host: str, port: int, origin: str, key: str) -> Any:
    import xllamacpp

    library: Any = xllamacpp  # untyped
    parameters = library.CommonParams()
    parameters.model.path, parameters.model_alias = str(path), {name}
    parameters.n_ctx, parameters.n_parallel, parameters.kv_unified = CONTEXT, SLOTS, True
    parameters.hostnames, parameters.port = [host], port
    parameters.api_keys = [key] if key else []
    # Its default answers the page of any web site; here only the API, and only for programs.
    parameters.cors_origins = origin
    parameters.ui = parameters.endpoint_slots = False
    parameters.warmup = False
    parameters.verbosity = -1
    try:
        return library.Server(parameters)
    except RuntimeError:
        raise UserError(
            f"{path.name} is no model that llama.cpp can load.",
            next_step=f"Remove it and pull it again: `lyceum models rm {name}`, `lyceum models pull {name}`.",
        ) from None
