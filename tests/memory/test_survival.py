"""What happens to a memory: many writers, kill -9, a full disk, a broken index, a clock that was set."""

from __future__ import annotations

import multiprocessing
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lyceum.errors import StoreFailed, UserError
from memory.blocks import Edit
from memory.database import MemoryFile
from memory.recall import Said
from memory.scope import Scope
from memory.store import MemoryStore

ANA = Scope(user="ana", thread="t")
Opened = Callable[..., MemoryStore]


def _count_up(home: Path, url: str, times: int) -> None:
    """Read a number from a block and write the next one, again from the start whenever somebody was quicker."""
    store = MemoryStore(home, url=url)
    done = 0
    while done < times:
        block = store.blocks.get(ANA, "count")
        try:
            store.blocks.rethink(ANA, "count", str(int(block.text or 0) + 1), Edit(expected=block.version))
            done += 1
        except UserError:
            time.sleep(random.random() / 50)
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fifty_processes_that_compare_and_swap_lose_no_update(opened: Opened, tmp_path: Path, url: str) -> None:
    store = opened()
    store.blocks.define(ANA, "count")
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_count_up, args=(tmp_path, url, 4)) for _ in range(50)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {writer.exitcode for writer in writers} == {0}
    block = store.blocks.get(ANA, "count")
    assert (block.text, block.version) == ("200", 200)
    assert [int(version.text) for version in store.blocks.history(ANA, "count")] == list(range(1, 201))


SENTENCES = ("My car number {} is green.", "I live in town {}.", "I bought {} violins yesterday.", "What is {}?")
_CONSOLIDATE = """
import os, signal, sys
from pathlib import Path
from memory.archive import Archive
from memory.scope import Scope
from memory.store import MemoryStore
store, left = MemoryStore(Path(sys.argv[1]), url=sys.argv[2]), int(sys.argv[3])
insert = Archive.insert_in
def insert_and_die(*arguments):
    global left
    outcome = insert(*arguments)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)  # what was inserted is not committed yet
    return outcome
Archive.insert_in = insert_and_die
while store.consolidation.run(Scope(user="killed"), most=7).turns:
    pass
"""


@pytest.mark.slow
def test_consolidation_that_is_killed_in_mid_write_ends_where_an_undisturbed_one_does(
    opened: Opened, tmp_path: Path, url: str
) -> None:
    store = opened()
    start = datetime(2026, 5, 1, tzinfo=UTC)
    for user in ("whole", "killed"):
        said = [
            Said(text=SENTENCES[number % 4].format(number % 25), said=start + timedelta(hours=number))
            for number in range(100)
        ]
        store.log.add(Scope(user=user, thread="t"), said)
    while store.consolidation.run(Scope(user="whole"), most=7).turns:
        pass
    codes = [
        subprocess.run([sys.executable, "-c", _CONSOLIDATE, str(tmp_path), url, left], check=False).returncode
        for left in ("3", "1", "8", "14", "0")
    ]
    assert codes == [-signal.SIGKILL] * 4 + [0]
    facts = {
        user: [
            (fact.topic, fact.text, fact.sources, fact.valid_from, fact.valid_to, fact.retired is None)
            for fact in store.archive.facts(Scope(user=user), limit=10_000, history=True)
        ]
        for user in ("whole", "killed")
    }
    assert facts["killed"] == facts["whole"]
    assert len(facts["whole"]) > 50
    assert store.blocks.render(Scope(user="killed")) == store.blocks.render(Scope(user="whole"))
    assert len(store.log.latest(Scope(user="killed"), limit=1000)) == 100, "the turns stay as they were"


def test_a_full_disk_is_named_loses_nothing_and_is_over_when_there_is_room(sqlite: MemoryFile, tmp_path: Path) -> None:
    store = MemoryStore(tmp_path)
    store.__dict__["file"] = sqlite
    store.log.add(ANA, [Said(text="I live in Porto.")])
    pages = sqlite.rows("PRAGMA page_count")[0]["page_count"]
    sqlite.rows(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreFailed, match="database or disk is full"):
        store.log.add(ANA, [Said(text="short"), Said(text="long " * 50_000)])
    assert [turn.text for turn in store.log.latest(ANA)] == ["I live in Porto."], "all of a write or nothing"
    assert store.recall.search(ANA, "Porto")
    sqlite.rows("PRAGMA max_page_count = 1000000")
    store.log.add(ANA, [Said(text="long " * 50_000)])
    assert store.recall.search(ANA, "long")[0].turn.number == 2


_FILL = """
import resource, signal, sys
from pathlib import Path
from lyceum.errors import LyceumError
from memory.recall import Said
from memory.scope import Scope
from memory.store import MemoryStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
store = MemoryStore(Path(sys.argv[1]))
scope = Scope(user="ana", thread="t")
kept = 0
try:
    while True:
        store.log.add(scope, [Said(text=f"number {kept} " + "word " * 200)])
        kept += 1
except LyceumError as error:
    print(kept, type(error).__name__, error.message)
"""


@pytest.mark.slow
def test_where_the_system_takes_no_more_bytes_every_turn_that_was_kept_is_there(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, "-c", _FILL, str(tmp_path)], capture_output=True, text=True, check=True)
    kept, kind, message = said.stdout.strip().split(" ", 2)
    assert kind == "StoreFailed"
    assert "nothing of it was kept" in message
    store = MemoryStore(tmp_path)
    assert len(store.log.latest(ANA, limit=10_000)) == int(kept) > 10
    store.log.add(ANA, [Said(text="There is room again.")])
    assert store.recall.search(ANA, "room")
    store.close()


def test_a_word_index_that_cannot_be_read_is_made_anew_by_the_search_that_needs_it(sqlite: MemoryFile) -> None:
    from memory.recall import Recall

    recall = Recall(sqlite, None)
    recall.add(ANA, [Said(text=f"My sister number {number} lives in Porto.") for number in range(50)])
    with sqlite.transaction() as database:
        database.execute("UPDATE turns_words_data SET block = x'ffffffff' WHERE id > 10")
    assert len(recall.search(ANA, "sister in Porto", limit=100)) == 50
    recall.add(ANA, [Said(text="A new sister.")])


@pytest.mark.parametrize("step", [timedelta(hours=-3), timedelta(days=-400), timedelta(days=400)])
def test_a_clock_that_was_set_changes_no_order(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    store = opened()
    clock = [datetime(2026, 5, 1, 12, tzinfo=UTC)]
    for module in ("memory.recall", "memory.archive"):
        monkeypatch.setattr(f"{module}.now", lambda: clock[0])

    def told(text: str) -> None:
        store.log.add(ANA, [Said(text=text)])
        store.consolidation.run(ANA)
        clock[0] += timedelta(seconds=1)

    told("I live in Porto.")
    clock[0] += step
    told("I live in Lisbon.")
    told("I live in Faro.")
    [now, *before] = store.archive.facts(ANA, history=True)
    assert [fact.text for fact in store.archive.facts(ANA)] == ["I live in Faro."] == [now.text]
    assert [fact.text for fact in before] == ["I live in Lisbon.", "I live in Porto."]
    recorded = [fact.recorded for fact in (now, *before)]
    assert recorded == sorted(recorded, reverse=True)
    assert len(set(recorded)) == 3
    assert all(fact.valid_to is not None and fact.valid_to >= fact.valid_from for fact in before)
    assert [fact.text for fact in store.archive.believed(ANA, before[-1].recorded)] == ["I live in Porto."]
