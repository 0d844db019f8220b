"""The sandbox of this machine: which tier runs what, sessions, files, commands, cancelling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from lyceum.errors import ModelRetry, OperatorError
from mcp_servers.sandbox import tiers
from mcp_servers.sandbox.local import LocalSandbox

PATIENT = 60.0
FULL = tiers.fullest()
full = pytest.mark.skipif(FULL is None, reason="no tier of full Python here")
shell = pytest.mark.skipif(FULL is None or not FULL.commands, reason="bubblewrap does not work here")


@pytest.fixture
async def sandbox() -> AsyncIterator[LocalSandbox]:
    made = LocalSandbox(contexts=2, spare=0)
    yield made
    await made.close()


@full
async def test_what_the_subset_cannot_do_goes_to_full_python(sandbox: LocalSandbox) -> None:
    assert (await sandbox.run_code("1 + 1", seconds=PATIENT)).tier == "monty"
    heard: list[str] = []
    fuller = await sandbox.run_code(
        "print('once')\nimport subprocess\nprint('full')",
        seconds=PATIENT,
        listen=lambda _stream, text: heard.append(text),
    )
    assert fuller.stdout == "once\nfull\n"
    assert fuller.tier != "monty"
    assert "".join(heard) == "once\nfull\n"


@full
async def test_variables_and_files_live_as_long_as_their_context(sandbox: LocalSandbox) -> None:
    context = (await sandbox.create_context()).id
    await sandbox.run_code("x = 41", context=context, seconds=PATIENT)
    done = await sandbox.run_code("open('made.txt', 'w').write(str(x)); x + 1", context=context, seconds=PATIENT)
    assert done.results[0].text == "42"
    await sandbox.write_file(context, "in/given.txt", b"given")
    assert await sandbox.read_file(context, "made.txt") == b"41"
    assert [(each.name, each.kind, each.size) for each in await sandbox.list_files(context, "in")] == [
        ("given.txt", "file", 5)
    ]
    await sandbox.remove_file(context, "in")
    with pytest.raises(ModelRetry, match="FileNotFoundError"):
        await sandbox.read_file(context, "in/given.txt")
    listed = await sandbox.contexts()
    assert [(each.id, each.runs) for each in listed] == [(context, 7)]
    await sandbox.close_context(context)
    with pytest.raises(ModelRetry, match="it was closed"):
        await sandbox.run_code("x", context=context)


@full
async def test_contexts_are_apart_and_a_fresh_run_sees_none(sandbox: LocalSandbox) -> None:
    one, other = (await sandbox.create_context()).id, (await sandbox.create_context()).id
    await sandbox.run_code("secret = 1; open('s', 'w').write('1')", context=one, seconds=PATIENT)
    for context in (other, ""):
        done = await sandbox.run_code(
            "import os\n'secret' in globals(), os.path.exists('s')", context=context, seconds=PATIENT
        )
        assert done.results[0].text == "(False, False)"
    with pytest.raises(ModelRetry, match="2 contexts are open already"):
        await sandbox.create_context()
    with pytest.raises(ModelRetry, match="Did you mean"):
        await sandbox.run_code("1", context=one[:-1])


@shell
async def test_a_command_runs_beside_the_files_of_its_context(sandbox: LocalSandbox) -> None:
    context = (await sandbox.create_context()).id
    await sandbox.write_file(context, "a.txt", b"b\na\n")
    done = await sandbox.run_command("sort a.txt; echo oops >&2; exit 3", context=context, seconds=PATIENT)
    assert (done.stdout, done.stderr, done.exit_code, done.error) == ("a\nb\n", "oops\n", 3, None)


@full
async def test_cancelling_kills_what_runs(sandbox: LocalSandbox) -> None:
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()
    context = (await sandbox.create_context()).id
    running = asyncio.create_task(
        sandbox.run_code(
            "print('on', flush=True)\nwhile True: pass",
            context=context,
            seconds=PATIENT,
            listen=lambda _stream, _text: loop.call_soon_threadsafe(heard.set) and None,
        )
    )
    await asyncio.wait_for(heard.wait(), PATIENT)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ModelRetry, match="Cancelled"):
        await sandbox.run_code("1", context=context, seconds=PATIENT)


@full
async def test_a_context_that_computes_while_nobody_asked_is_ended(sandbox: LocalSandbox) -> None:
    context = (await sandbox.create_context()).id
    code = "import threading\ndef burn():\n  while True: pass\nthreading.Thread(target=burn, daemon=True).start()"
    await sandbox.run_code(code, context=context, seconds=PATIENT)
    for _ in range(300):
        ended = next(each.ended for each in await sandbox.contexts() if each.id == context)
        if ended:
            break
        await asyncio.sleep(0.1)
    assert ended == "it kept computing"


@pytest.fixture
def probing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make tiers fail their probes, as on another machine."""
    tried = tiers.lacking

    def fail(*names: str) -> None:
        def lacking(tier: str) -> str:
            return "not on this machine" if tier in names else tried(tier)

        monkeypatch.setattr(tiers, "lacking", lacking)

    return fail


def test_the_next_tier_is_taken_where_one_does_not_work(probing: Callable[..., None]) -> None:
    probing("bubblewrap")
    found = tiers.fullest()
    assert (found.name if found else "") in ("landlock", "")


async def test_code_is_refused_where_nothing_works(probing: Callable[..., None], sandbox: LocalSandbox) -> None:
    probing("monty", "bubblewrap", "landlock")
    with pytest.raises(OperatorError, match="no safe way") as refused:
        await sandbox.run_code("print(1)")
    assert "bubblewrap: not on this machine" in refused.value.message


async def test_the_subset_alone_runs_what_it_can_and_says_what_it_cannot(
    probing: Callable[..., None], sandbox: LocalSandbox
) -> None:
    probing("bubblewrap", "landlock")
    assert (await sandbox.run_code("1 + 1", seconds=PATIENT)).results[0].text == "2"
    done = await sandbox.run_code("import subprocess", seconds=PATIENT)
    assert done.error is not None
    assert done.error.name == "ModuleNotFoundError"
    with pytest.raises(OperatorError, match="needs all of Python") as refused:
        await sandbox.create_context()
    assert "bubblewrap: not on this machine" in refused.value.message


async def test_commands_are_refused_where_no_process_can_be_started(
    probing: Callable[..., None], sandbox: LocalSandbox
) -> None:
    probing("bubblewrap")
    if tiers.fullest() is None:
        pytest.skip("no landlock here")
    with pytest.raises(ModelRetry, match="starts no process"):
        await sandbox.run_command("ls")
