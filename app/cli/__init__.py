"""The command line. Help costs nothing: a command's module is imported only when that command is chosen."""

from __future__ import annotations

import argparse
import os
import sys

# name: (module, one line of help)
COMMANDS = {
    "chat": ("app.cli.chat", "ask the team, once or in conversation"),
    "research": ("app.cli.research", "a cited report from documents, tables and the web, by an approved plan"),
    "team": ("app.cli.team", "a task planned, done by specialists, written up, reviewed, and accepted by you"),
    "ingest": ("app.cli.ingest", "take a folder of documents into a collection, however many, and however interrupted"),
    "runs": ("app.cli.runs", "list, show, watch, approve, cancel, resume, fork and repeat runs"),
    "memory": ("app.cli.memory", "what is remembered: show, edit, search, undo, forget, export, import"),
    "models": ("app.cli.models", "who can answer here, and local models to pull"),
    "batch": ("app.cli.batch", "many questions at a provider's batch price, fetched later"),
    "mcp": ("app.cli.mcp", "list the tool servers, or serve them to other clients"),
    "eval": ("app.cli.eval", "how often answers are right, on questions with known answers"),
    "lab": ("app.cli.lab", "the course's hands-on labs: read one, run it, see what is checked"),
    "worker": ("app.cli.worker", "drive runs that were started elsewhere or left behind"),
    "services": ("app.cli.services", "real servers on this machine: start, stop, look"),
    "doctor": ("app.cli.doctor", "what works on this machine, and how to fix the rest"),
}


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 ok, 1 failed, 2 usage, 3 waits for approval, 4 limit, 130 stopped."""
    arguments = sys.argv[1:] if argv is None else argv
    name = next((word for word in arguments if not word.startswith("-")), None)
    if arguments[:1] in (["-h"], ["--help"]) or not arguments:
        print(_overview())
        return 0
    if arguments[:1] == ["--version"]:
        from lyceum import __version__

        print(f"lyceum {__version__}")
        return 0
    from app.cli.errors import guarded, unknown_command

    if name not in COMMANDS or arguments[0] != name:
        return unknown_command(arguments[0], list(COMMANDS))
    code = guarded(lambda: _run(name, arguments[1:]))
    if argv is not None:
        return code
    from app.cli.stopping import leave

    return leave(code)


def _run(name: str, arguments: list[str]) -> int:
    import importlib

    module_name, about = COMMANDS[name]
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")  # it draws a picture into what a terminal shows
    module = importlib.import_module(module_name)
    parser = argparse.ArgumentParser(prog=f"lyceum {name}", description=about)
    module.add_arguments(parser)
    parsed, strange = parser.parse_known_intermixed_args(arguments)  # options may stand before and after the names
    if strange:
        from app.cli.errors import unknown_option

        raise unknown_option(strange, parser.format_help())
    from lyceum.settings import load_settings

    overrides = {name: getattr(parsed, name, None) for name in ("model", "engine", "offline")}
    overrides["offline"] = overrides["offline"] or None  # not given is not a no
    return module.run(parsed, load_settings(**overrides))


def _overview() -> str:
    lines = [f"  {name:<8} {about}" for name, (_, about) in COMMANDS.items()]
    return "usage: lyceum COMMAND [options]\n\n" + "\n".join(lines) + "\n\nlyceum COMMAND --help says more; --version"
