"""Research goes on from wherever it was killed, and its report is the one of a run that nobody killed."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.conformance.harness import server_cache
from tests.workflows.conformance.research import (
    Product,
    asked,
    check_nothing_again,
    counted_tools,
    finished_calls,
    kill,
    wait_for,
    write_documents,
)
from workflows.steps.research.markdown import stable_part

KILLS = 10
SEED = 2026


class Undisturbed:
    """A run that nobody kills: what it says, how many events it has, and the processor's seconds that it took.

    (The clock's would be the machine's other work as well.)
    """

    def __init__(self, folder: Path) -> None:
        self.documents = write_documents(folder / "documents")
        product = Product(folder / "home")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code, said, told = product.run("research", *asked(self.documents), "--yes", seconds=400)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert code == 0, told
        run = product.run_id()
        self.report, self.events = product.report(run), product.count(run)
        assert "Rock" in said
        assert "opened in" in said
        assert said.strip() == self.report.strip()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.slow
def test_a_first_report_on_200_documents_takes_less_than_a_minute(undisturbed: Undisturbed) -> None:
    assert undisturbed.seconds < 30


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_ten_times_it_repeats_no_call_and_writes_the_same_report(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    moments = sorted(chance.sample(range(1, undisturbed.events - 2), KILLS))
    snapshots: list[tuple[Counter[str], Counter[str]]] = []
    with counted_tools(tmp_path / "tools") as (address, calls):
        product = Product(tmp_path / "home", TOOLS__RETRIEVAL=address, TOOLS__SQL=address)
        process = product.start("research", *asked(undisturbed.documents), "--yes")
        run = product.run_id()
        for moment in moments:
            wait_for(lambda at=moment: product.count(run) >= at, f"event {moment}")
            time.sleep(chance.choice([0, chance.uniform(0, 0.1)]))
            assert process.poll() is None
            kill(process)
            snapshots.append((finished_calls(product.events(run)), calls.begun.copy()))
            process = product.start("runs", "resume", run)
        said, told = process.communicate(timeout=400)
        assert process.returncode == 0, told
        snapshots.append((finished_calls(product.events(run)), calls.begun.copy()))
        check_nothing_again(snapshots, calls.begun)
    assert stable_part(product.report(run)) == stable_part(undisturbed.report)
    assert stable_part(said) == stable_part(undisturbed.report)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_while_it_reads_the_documents_itself_it_goes_on(undisturbed: Undisturbed, tmp_path: Path) -> None:
    product = Product(tmp_path / "home")
    process = product.start("research", *asked(undisturbed.documents), "--yes")
    run = product.run_id()
    collection = product.home / "retrieval"
    wait_for(lambda: any(collection.glob("*.db")), "a collection")
    journals: list[dict[str, Any]] = []
    for more in (0.3, 1.5):  # in the middle of reading, and somewhere after it
        time.sleep(more)
        kill(process)
        journals.append(product.journal(run))
        process = product.start("runs", "resume", run)
        before = product.count(run)
        wait_for(lambda at=before, at_work=process: at_work.poll() is not None or product.count(run) > at, "an event")
    _, told = process.communicate(timeout=400)
    assert process.returncode == 0, told
    final = product.journal(run)
    for earlier in journals:
        assert {key: final[key] for key in earlier} == earlier  # when each was finished included
    assert stable_part(product.report(run)) == stable_part(undisturbed.report)


@pytest.mark.service
@pytest.mark.timeout(900)
def test_on_temporal_workers_client_and_server_are_killed_and_nothing_is_repeated(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    from app.services import temporal
    from app.services.server import free_port

    chance = random.Random(SEED)
    last = undisturbed.events - 2
    moments = sorted(chance.sample(range(2, last), 5))
    snapshots: list[tuple[Counter[str], Counter[str]]] = []
    port = free_port()
    temporal.up(tmp_path / "server", port=port, cache=server_cache())
    try:
        with counted_tools(tmp_path / "tools") as (address, calls):
            product = Product(
                tmp_path / "home",
                TOOLS__RETRIEVAL=address,
                TOOLS__SQL=address,
                TEMPORAL__ADDRESS=f"127.0.0.1:{port}",
                TEMPORAL__HEARTBEAT="2",
            )
            client = product.start("research", *asked(undisturbed.documents), "--yes", "--engine", "temporal")
            worker = product.start("worker", "--engine", "temporal")
            run = product.run_id()
            for number, moment in enumerate(moments):
                wait_for(lambda at=moment: product.count(run) >= at, f"event {moment}")
                kill(worker)
                if number == 1:
                    kill(client)  # `--yes` was the run's own: any client may go on with it
                    client = product.start("runs", "resume", run)
                if number == 2:
                    running = temporal.server_of(tmp_path / "server").running()
                    assert running is not None
                    os.kill(running.pid, signal.SIGKILL)
                    time.sleep(0.5)
                    temporal.up(tmp_path / "server", port=port, cache=server_cache())
                snapshots.append((finished_calls(product.events(run)), calls.begun.copy()))
                worker = product.start("worker", "--engine", "temporal")
            said, told = client.communicate(timeout=400)
            kill(worker)
            assert client.returncode == 0, told
            snapshots.append((finished_calls(product.events(run)), calls.begun.copy()))
            check_nothing_again(snapshots, calls.begun)
    finally:
        temporal.server_of(tmp_path / "server").stop()
    assert stable_part(product.report(run)) == stable_part(undisturbed.report)
    assert stable_part(said) == stable_part(undisturbed.report)
