"""Client and workers on two machines: separate homes, runs in PostgreSQL, artifacts in an S3-compatible store."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lyceum.errors import OperatorError, UserError
from lyceum.run_store import SqliteRunStore
from lyceum.settings import S3Settings
from tests.mcp_servers.conftest import new_database  # noqa: F401  # pyright: ignore[reportUnusedImport]
from tests.workflows.conformance.harness import server_cache

pytestmark = pytest.mark.service
KEYS = ("tester", "open-sesame-open-sesame")
GATEWAY = "github.com/versity/versitygw/cmd/versitygw@v1.0.14"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Settings]:
    """A real S3 server on a folder, built with Go once."""
    from app.services.server import Server, free_port, go_install

    folder, cache = tmp_path_factory.mktemp("s3"), server_cache() / "versitygw-v1.0.14"
    if not (cache / "versitygw").is_file():
        try:
            go_install(GATEWAY, cache)
        except OperatorError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))
    (folder / "data").mkdir()
    server, port = Server("versitygw", folder), free_port()
    address = f"127.0.0.1:{port}"
    command = [str(cache / "versitygw"), "--access", KEYS[0], "--secret", KEYS[1], "--port", address, "--quiet"]
    server.start([*command, "posix", str(folder / "data")], port)
    known = S3Settings(
        bucket="artifacts",
        endpoint=f"http://{address}",
        access_key=KEYS[0],
        secret_key=KEYS[1],  # type: ignore[arg-type]
    )
    from lyceum.artifacts_s3 import S3Artifacts

    S3Artifacts(known)._call("create_bucket")
    yield known
    server.stop()


async def test_artifacts_in_s3_are_what_was_put_there(bucket: S3Settings) -> None:
    from lyceum.artifacts_s3 import S3Artifacts

    store, other = S3Artifacts(bucket), S3Artifacts(bucket)
    data = os.urandom(300_000)
    kept = await store.put(data, name="x")
    assert (await store.put(data)).sha256 == kept.sha256
    assert await other.get(kept.sha256) == data
    with pytest.raises(UserError, match="no such artifact"):
        await other.get("0" * 64)
    with pytest.raises(UserError, match="not a SHA-256"):
        await other.get("../../etc/passwd")
    other._call("put_object", Key=other._key(kept.sha256), Body=b"altered")
    with pytest.raises(OperatorError, match="altered"):
        await store.get(kept.sha256)
    wrong = bucket.model_copy(update={"secret_key": type(bucket.secret_key)("wrong")})
    with pytest.raises(OperatorError, match="refused") as refused:
        await S3Artifacts(wrong).put(b"x")
    assert "wrong" not in str(refused.value)


@pytest.mark.timeout(300)
def test_a_turn_goes_on_when_either_machine_loses_its_processes(
    temporal_server: Any, bucket: S3Settings, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    database = request.getfixturevalue("new_database")("apart")

    def lyceum(home: str, *words: str) -> subprocess.Popen[str]:
        known = {
            "HOME": home,
            "OFFLINE": "true",
            "ENGINE": "temporal",
            "STORE": database,
            "TEMPORAL__ADDRESS": f"127.0.0.1:{temporal_server[1]}",
            "TEMPORAL__TASK_QUEUE": "apart",
            "TEMPORAL__HEARTBEAT": "2",
            "ARTIFACTS__BUCKET": bucket.bucket,
            "ARTIFACTS__ENDPOINT": str(bucket.endpoint),
            "ARTIFACTS__ACCESS_KEY": KEYS[0],
            "ARTIFACTS__SECRET_KEY": KEYS[1],
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LYCEUM_")}
        environment |= {f"LYCEUM_{name}": value for name, value in known.items()}
        command = [str(Path(sys.executable).parent / "lyceum"), *words]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    client, workers = str(tmp_path / "client"), str(tmp_path / "workers")
    chat = lyceum(client, "chat", "--json", "How many tracks are there, and how many genres?")
    worker = lyceum(workers, "worker")
    assert chat.stdout is not None
    assert "run_started" in chat.stdout.readline()
    time.sleep(6)
    for each in (chat, worker):  # both machines lose their processes
        each.send_signal(signal.SIGKILL)
        each.communicate()
    worker = lyceum(workers, "worker")
    listed, _ = lyceum(client, "runs", "list", "--json").communicate(timeout=60)
    [run] = json.loads(listed)
    again = lyceum(client, "runs", "resume", run["id"])
    said, _ = again.communicate(timeout=200)
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
    assert again.returncode == 0
    assert "3503" in said.replace(",", "")
    assert "25" in said
    for home in (client, workers):
        own = SqliteRunStore(Path(home) / "runs.db")
        assert asyncio.run(own.runs()) == []
        own.close()
