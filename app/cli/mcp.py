"""`lyceum mcp`: the tool servers, listed without importing them, or served to other clients."""

from __future__ import annotations

import argparse
import json

from lyceum.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["list", "serve"])
    parser.add_argument("--transport", choices=["stdio", "http"], default="stdio")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--toolsets", default="", metavar="A,B", help="servers to serve; all by default")
    parser.add_argument("--read-only", action="store_true", help="leave out every tool that changes anything")
    parser.add_argument("--json", action="store_true", help="machine-readable list")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.action == "list":
        from mcp_servers.catalogue import cards

        known = cards()
        print(json.dumps(known, indent=2) if args.json else "\n".join(f"{k:<10} {v}" for k, v in known.items()))
        return 0
    from mcp_servers.serve import serve

    toolsets = [name for name in args.toolsets.split(",") if name]
    serve(settings, toolsets=toolsets, transport=args.transport, port=args.port, read_only=args.read_only)
    return 0
