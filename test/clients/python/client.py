"""psycopg, psycopg2 and asyncpg: what their users do in the first hour."""
import asyncio
import datetime
import decimal
import io
import os
import threading
import uuid

import asyncpg
import psycopg
import psycopg2
import psycopg2.extras

address = f"host={os.environ['PGHOST']} port={os.environ['PGPORT']} user=postgres dbname=postgres"
moment = datetime.datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.timezone.utc)


def check(name, got, expected):
    assert got == expected, f"{name}: {got!r}, not {expected!r}"
    print(f"  ok {name}")


def psycopg3():
    connection = psycopg.connect(address)
    connection.execute("create table p (id int primary key, n numeric, t timestamptz, u uuid, a int[], x bytea, i interval)")
    row = (1, decimal.Decimal("12.340"), moment, uuid.UUID(int=5), [1, None], b"\0\xff", datetime.timedelta(days=3, seconds=5))
    connection.execute("insert into p values (%s, %s, %s, %s, %s, %s, %s)", row)
    for binary in (False, True):
        check(f"types, binary {binary}", connection.cursor(binary=binary).execute("select * from p").fetchone(), row)
    with connection.cursor() as cursor:
        cursor.executemany("insert into p (id) values (%s)", [(i,) for i in range(2, 101)])
        check("executemany", cursor.rowcount, 99)
    with connection.cursor(name="server_side") as cursor:
        cursor.execute("select id from p order by id")
        check("a cursor of the server", (len(cursor.fetchmany(3)), len(cursor.fetchall())), (3, 97))
    with connection.cursor() as cursor:
        with cursor.copy("copy p (id, x) from stdin (format binary)") as copy:
            copy.set_types(["int4", "bytea"])
            copy.write_row((200, b"x"))
        with cursor.copy("copy (select id, n from p where id in (1, 200) order by id) to stdout (format binary)") as copy:
            copy.set_types(["int4", "numeric"])
            check("binary COPY", list(copy.rows()), [(1, decimal.Decimal("12.340")), (200, None)])
    with connection.pipeline():
        first, second = connection.execute("select 1"), connection.execute("select 2")
    check("a pipeline", (first.fetchone(), second.fetchone()), ((1,), (2,)))
    try:
        with connection.transaction():
            connection.execute("insert into p (id) values (1)")
    except psycopg.errors.UniqueViolation as error:
        check("an error's fields", (error.diag.constraint_name, error.diag.table_name), ("p_pkey", "p"))
    connection.commit()
    threading.Timer(0.2, connection.cancel).start()
    try:
        connection.execute("select pg_sleep(20)")
        raise AssertionError("the sleep was not canceled")
    except psycopg.errors.QueryCanceled:
        connection.rollback()
    check("after a cancel", connection.execute("select 1").fetchone(), (1,))
    connection.close()


def psycopg_2():
    connection = psycopg2.connect(address, options="-c statement_timeout=5s")
    cursor = connection.cursor()
    cursor.execute("create table p2 (id int primary key, n int)")
    psycopg2.extras.execute_values(cursor, "insert into p2 values %s", [(i, i) for i in range(10)])
    cursor.copy_expert("copy p2 from stdin csv", io.StringIO("20,1\n21,\n"))
    with connection.cursor(name="named") as named:
        named.execute("select id from p2 order by id")
        check("psycopg2", (named.fetchmany(2), len(named.fetchall())), ([(0,), (1,)], 10))
    connection.close()


async def async_pg():
    pool = await asyncpg.create_pool(host=os.environ["PGHOST"], port=int(os.environ["PGPORT"]), user="postgres", database="postgres")
    async with pool.acquire() as connection:
        await connection.execute("create table ap (id int primary key, f float8)")
        await connection.copy_records_to_table("ap", records=[(1, 1.5), (2, None)])
        async with connection.transaction():
            rows = [tuple(row) async for row in connection.cursor("select * from ap order by id")]
        check("asyncpg", rows, [(1, 1.5), (2, None)])
    async with pool.acquire() as connection:
        check("asyncpg, given back and taken again", await connection.fetchval("select $1::text[]", ["a", None]), ["a", None])
    await pool.close()


psycopg3()
psycopg_2()
asyncio.run(async_pg())
