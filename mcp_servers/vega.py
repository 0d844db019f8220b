"""Vega-Lite specifications as pictures."""

from __future__ import annotations

from typing import Any

from lyceum.extras import install_command

INSTALL = f"install the charts extra: {install_command('charts')}"


def png_of(spec: dict[str, Any]) -> bytes | None:
    """Draw a specification, which may load nothing; None where the `charts` extra is not installed."""
    try:
        import vl_convert
    except ImportError:
        return None
    return vl_convert.vegalite_to_png(spec, scale=2.0, allowed_base_urls=[])
