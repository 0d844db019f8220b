"""`lyceum doctor --attack` says what held, and fails where something did not."""

from __future__ import annotations

import json

import pytest

from app.cli import main
from mcp_servers.probes import Probe


@pytest.mark.parametrize(("held", "code"), [(True, 0), (False, 1)])
def test_what_does_not_hold_is_named_and_fails(
    held: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Probe("a wall", held=True, detail=""), Probe("a door", held=held, detail="the secret came out")]
    monkeypatch.setattr("mcp_servers.sandbox.probes.probes", lambda: found)
    monkeypatch.setattr("app.cli.doctor.attackable", lambda: ["sandbox"])
    assert main(["doctor", "--attack"]) == code
    said = capsys.readouterr().out
    assert f"{1 + held} of 2 attacks on sandbox were stopped" in said
    assert ("a door: the secret came out" in said) is not held
    assert main(["doctor", "--attack", "--json"]) == code
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["name"], line["held"]) for line in lines] == [("a wall", True), ("a door", held)]
