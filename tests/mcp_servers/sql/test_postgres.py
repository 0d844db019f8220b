"""PostgreSQL by its address, on a real server: read, never written, ended in time, by a role that only reads."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from pydantic import SecretStr

from lyceum.errors import ModelRetry, UserError
from mcp_servers.sql.files import Database
from mcp_servers.sql.probes import SHOWN, attack, attacks

from .conftest import Front, benign, told

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]
Address = dict[str, str]


def opened(url: str) -> Database:
    return Database(url=SecretStr(url))


def state(owner: str) -> list[Any]:
    """All that an attack could have changed: rows, tables, functions, roles and large objects."""
    import psycopg

    with psycopg.connect(owner) as connection:
        rows = [
            connection.execute(f'SELECT md5(string_agg(t::text, $$,$$ ORDER BY t::text)) FROM "{table}" t').fetchone()  # pyright: ignore[reportArgumentType]
            for table in (*SHOWN, "secret")
        ]
        return (
            rows
            + connection.execute(
                "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), "
                "(SELECT count(*) FROM pg_roles), "
                "(SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_extension)"
            ).fetchall()
        )


async def test_no_attack_gets_anywhere(postgres: Address, front: Front) -> None:
    before = state(postgres["owner"])
    async with front({"music": {"url": postgres["reader"], "tables": SHOWN}}) as client:
        found = [await attack(client, "postgres", why, sql) for why, sql in attacks("postgres")]
        after = await client.call_tool("sql_query", {"database": "music", "sql": "SELECT count(*) FROM genre"})
        assert after.structured_content["rows"] == [[4]]
    assert not [probe for probe in found if not probe.held]
    assert state(postgres["owner"]) == before


async def test_every_plain_question_gets_the_rows_of_the_server(postgres: Address, front: Front) -> None:
    import psycopg

    plain = psycopg.connect(postgres["reader"], autocommit=True, cursor_factory=psycopg.RawCursor)
    plain.execute("SET timezone = 'UTC'")
    from mcp_servers.sql.engine import _cell  # pyright: ignore[reportPrivateUsage]

    failed: list[str] = []
    async with front({"music": {"url": postgres["reader"], "tables": SHOWN}}, seconds=5) as client:
        for sql in benign("postgres"):
            answer = await client.call_tool("sql_query", {"database": "music", "sql": sql})
            if answer.is_error:
                failed.append(f"refused: {sql}\n    {answer.content[0].text}")
            elif not sql.startswith("EXPLAIN"):
                expected = told([[_cell(cell) for cell in row] for row in plain.execute(sql).fetchall()])  # pyright: ignore[reportArgumentType]
                got = told(answer.structured_content["rows"])
                if got != expected:
                    failed.append(f"differs: {sql}\n    {answer.structured_content['sql']}\n    {got}\n    {expected}")
    plain.close()
    assert not failed, "\n".join(failed)


def test_a_role_that_could_do_more_is_refused_with_how_to_make_one(postgres: Address) -> None:
    import psycopg

    with pytest.raises(UserError) as refused:
        opened(postgres["owner"])
    assert "is a superuser" in refused.value.message
    assert "GRANT SELECT" in refused.value.next_step
    with psycopg.connect(postgres["owner"], autocommit=True) as connection:
        connection.execute("GRANT INSERT ON artist TO reader")
        try:
            with pytest.raises(UserError, match="may write to artist"):
                opened(postgres["reader"])
        finally:
            connection.execute("REVOKE INSERT ON artist FROM reader")
        connection.execute("GRANT pg_read_server_files TO reader")
        try:
            with pytest.raises(UserError, match="member of pg_read_server_files"):
                opened(postgres["reader"])
        finally:
            connection.execute("REVOKE pg_read_server_files FROM reader")


def test_no_secret_of_an_address_is_told(postgres: Address) -> None:
    for url in (
        postgres["reader"].replace("reader:", "nobody:"),
        "postgresql://u:open-sesame@127.0.0.1:1/x",
        "postgresql://u:open-sesame@[::1/x",
        "postgresql://u:open-sesame@h/x?nonsense=1",
    ):
        with pytest.raises(UserError) as refused:
            opened(url)
        assert "open-sesame" not in str(refused.value)
        assert "cannot be opened" in refused.value.message


def test_behind_the_guard_the_server_itself_refuses(postgres: Address) -> None:
    database = opened(postgres["reader"])
    for sql, why in (
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("INSERT INTO public.artist VALUES (7, 'x')", "read-only|denied"),
        ("SET TRANSACTION READ WRITE", "before any query"),
        ("SELECT set_config('transaction_read_only', 'off', true)", "read-write mode"),
        ("SELECT pg_read_file('/etc/passwd')", "denied"),
        ("SELECT * FROM artist", "does not exist"),
        ("COPY public.artist TO PROGRAM 'id'", "denied|must be"),
        ("CREATE TABLE public.x (a int)", "denied|read-only"),
    ):
        with pytest.raises(ModelRetry, match=why):
            database.run(sql)
    assert database.run("SELECT count(*) FROM public.artist").rows == [[6]]
    database.close()


def test_a_late_query_is_ended_on_the_server_too(postgres: Address) -> None:
    import psycopg

    database = opened(postgres["reader"])
    start = time.monotonic()
    with pytest.raises(ModelRetry, match="longer than"):
        database.run("SELECT pg_sleep(20)", seconds=0.5)
    assert time.monotonic() - start < 3
    with psycopg.connect(postgres["owner"]) as connection:
        running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(20)'"
        assert connection.execute(running).fetchone() == (0,)
    assert database.run("SELECT 1").rows == [[1]]
    database.close()


def test_a_lost_connection_is_made_again(postgres: Address) -> None:
    import psycopg

    database = opened(postgres["reader"])
    with psycopg.connect(postgres["owner"], autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lyceum'")
    with pytest.raises(ModelRetry):
        database.run("SELECT 1")
    assert database.run("SELECT 1").rows == [[1]]
    database.close()


async def test_a_changed_table_is_read_anew_and_odd_names_are_found(postgres: Address, front: Front) -> None:
    import psycopg

    with psycopg.connect(postgres["owner"], autocommit=True) as connection:
        connection.execute(
            'CREATE TABLE "Mixed" ("Id" INTEGER PRIMARY KEY, "Label" TEXT); GRANT SELECT ON "Mixed" TO reader'
        )
        connection.execute("INSERT INTO \"Mixed\" VALUES (1, 'one')")
        connection.execute(
            "CREATE SCHEMA side; CREATE TABLE side.note (text TEXT); INSERT INTO side.note VALUES ('hi')"
        )
        connection.execute("GRANT USAGE ON SCHEMA side TO reader; GRANT SELECT ON side.note TO reader")
        try:
            async with front(
                {"music": {"url": postgres["reader"], "schemas": ["public", "side"]}}, seconds=5
            ) as client:

                async def ask(sql: str) -> Any:
                    answer = await client.call_tool("sql_query", {"database": "music", "sql": sql})
                    assert not answer.is_error, answer.content[0].text
                    return answer.structured_content["rows"]

                assert await ask("SELECT m.Label FROM Mixed m WHERE m.id = 1") == [["one"]]
                assert await ask("SELECT Label FROM mixed WHERE mixed.Id = 1") == [["one"]]
                assert await ask("SELECT text FROM side.note") == [["hi"]]
                connection.execute('ALTER TABLE "Mixed" ADD COLUMN "Extra" INTEGER DEFAULT 5')
                assert await ask("SELECT Extra FROM Mixed") == [[5]]
                schema = await client.call_tool("sql_schema", {"database": "music"})
                names = [table["name"] for table in schema.structured_content["tables"]]
                assert "side.note" in names
                assert "secret" in names, "without a list of tables, what the role may read is shown"
                listed = (await client.call_tool("sql_databases", {})).content[0].text
                assert "open-sesame" not in listed
        finally:
            connection.execute('DROP TABLE "Mixed"; DROP SCHEMA side CASCADE')


async def test_questions_at_once_are_each_answered(postgres: Address, front: Front) -> None:
    async with front({"music": {"url": postgres["reader"], "tables": SHOWN}}, seconds=5) as client:
        sql = "SELECT {n} AS n, count(*) FROM track"
        asked = [client.call_tool("sql_query", {"database": "music", "sql": sql.format(n=n)}) for n in range(12)]
        assert [a.structured_content["rows"] for a in await asyncio.gather(*asked)] == [[[n, 8]] for n in range(12)]
