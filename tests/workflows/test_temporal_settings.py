"""How a client of Temporal connects: TLS where a key or a certificate says so, and no secret in an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lyceum.errors import Unavailable, UserError
from lyceum.settings import TemporalSettings, load_settings

pytestmark = pytest.mark.extra


@pytest.mark.parametrize(
    ("given", "tls"),
    [({}, False), ({"tls": True}, True), ({"api_key": "k"}, True), ({"api_key": "k", "tls": False}, False)],
)
def test_tls_is_on_with_a_key_unless_it_is_switched(given: dict[str, Any], tls: bool) -> None:
    from workflows.engines.temporal.connection import _tls

    assert _tls(TemporalSettings(**given)) is tls


def test_certificates_are_read_from_their_files(tmp_path: Path) -> None:
    from workflows.engines.temporal.connection import _tls

    for name in ("cert", "key", "ca"):
        (tmp_path / name).write_bytes(name.encode())
    found: Any = _tls(
        TemporalSettings(
            client_certificate=tmp_path / "cert",
            client_key=tmp_path / "key",
            server_ca=tmp_path / "ca",
            server_name="s",
        )
    )
    assert (found.client_cert, found.client_private_key, found.server_root_ca_cert) == (b"cert", b"key", b"ca")
    assert found.domain == "s"


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="go together"):
        load_settings(environment={"LYCEUM_HOME": str(tmp_path), "LYCEUM_TEMPORAL__CLIENT_CERTIFICATE": "x.pem"})


async def test_a_server_that_is_not_there_is_named_with_what_to_start_and_without_the_key(wired: Any) -> None:
    settings = TemporalSettings(address="127.0.0.1:1", api_key="tsk-secret", tls=False)  # type: ignore[arg-type]
    async with wired(engine="temporal", temporal=settings) as app:
        with pytest.raises(Unavailable, match="lyceum services up temporal") as refused:
            await app.engine.submit("chat_turn", {"question": "?"})
        assert "tsk-secret" not in str(refused.value)
        assert await app.store.runs() == []  # nothing is stored that nobody would run


def test_a_store_that_the_journal_cannot_use_is_refused(tmp_path: Path) -> None:
    from app.stores import open_store

    given = {"LYCEUM_HOME": str(tmp_path), "LYCEUM_STORE": "postgresql://somebody:secret@db/x"}
    with pytest.raises(UserError, match="runs on Temporal") as refused:
        open_store(load_settings(environment=given))
    assert "secret" not in str(refused.value)
