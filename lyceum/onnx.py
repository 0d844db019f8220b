"""ONNX Runtime, kept from telling its maker: since 1.32 its wheels send events to mobile.events.data.microsoft.com.

Only the environment variable stops that, and only when it is set before the library is loaded; calling
`disable_telemetry_events()` afterwards still resolves the host (seen with strace).
"""

from __future__ import annotations

import importlib
import os
from typing import Any


def silence() -> None:
    """Turn the telemetry off for what is imported from now on, here and in processes that inherit the environment."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def onnxruntime() -> Any:
    """Return the module, silenced; by name, because its types are incomplete."""
    silence()
    return importlib.import_module("onnxruntime")
