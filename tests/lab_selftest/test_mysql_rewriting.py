# SPDX-License-Identifier: Apache-2.0
"""What of a client's bytes is changed on the way to the server, and above all what isn't."""

from __future__ import annotations

import random

import pytest
from aurora_lab.mariadb.rewriting import Rewriter
from aurora_lab.mariadb.wire import Statements

QUERY, PREPARE, EXECUTE, CHANGE_USER, SEND_LONG_DATA = 0x03, 0x16, 0x17, 0x11, 0x18
VIEW = "aurora_lab.replica_host_status"
FULL = 0xFFFFFF


@pytest.fixture
def rewriter() -> Rewriter:
    return Rewriter({"aurora_server_id": "instance-1", "aurora_version": "3.10.0"})


@pytest.fixture
def statements(rewriter: Rewriter) -> Statements:
    return Statements(rewriter)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "SELECT @@aurora_server_id, @@aurora_server_id",
            "SELECT 'instance-1' AS `@@aurora_server_id`, 'instance-1' AS `@@aurora_server_id`",
        ),
        (
            "select @@global.AURORA_SERVER_ID;",
            "select 'instance-1' AS `@@global.AURORA_SERVER_ID`;",
        ),
        ("SELECT @@aurora_server_id AS id", "SELECT 'instance-1' AS id"),
        ("SELECT f(1, @@aurora_server_id, 2)", "SELECT f(1, 'instance-1', 2)"),
        ("SELECT a FROM t WHERE b = @@aurora_server_id", "SELECT a FROM t WHERE b = 'instance-1'"),
        (
            "SELECT a FROM t ORDER BY b, @@aurora_server_id",
            "SELECT a FROM t ORDER BY b, 'instance-1'",
        ),
        (
            "SELECT a FROM t WHERE b IN ('x', @@aurora_server_id, 'y')",
            "SELECT a FROM t WHERE b IN ('x', 'instance-1', 'y')",
        ),
        (
            "SELECT (SELECT @@aurora_server_id), b",
            "SELECT (SELECT 'instance-1' AS `@@aurora_server_id`), b",
        ),
        (
            "SELECT /* who */ @@aurora_server_id /* is it */ FROM DUAL",
            "SELECT /* who */ 'instance-1' AS `@@aurora_server_id` /* is it */ FROM DUAL",
        ),
        (
            "SELECT @@innodb_read_only",
            "SELECT @@global.read_only AS `@@innodb_read_only`",
        ),
        ("SET @a = @@innodb_read_only", "SET @a = @@global.read_only"),
        (
            "SHOW VARIABLES LIKE 'aurora_version'",
            "SELECT 'aurora_version' AS Variable_name, '3.10.0' AS Value",
        ),
        (
            '/* probe */ show global variables like "AURORA_VERSION" ;',
            "/* probe */ SELECT 'aurora_version' AS Variable_name, '3.10.0' AS Value",
        ),
        (
            "SHOW VARIABLES WHERE Variable_name = 'innodb_read_only'",
            "SELECT 'innodb_read_only' AS Variable_name, "
            "IF(@@global.read_only, 'ON', 'OFF') AS Value",
        ),
        (
            "SHOW VARIABLES WHERE Variable_name IN ('aurora_version', 'port')",
            "SELECT LOWER(VARIABLE_NAME) AS Variable_name, VARIABLE_VALUE AS Value "
            "FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME IN ('port') "
            "UNION ALL SELECT 'aurora_version', '3.10.0'",
        ),
        (
            "SELECT server_id FROM information_schema.replica_host_status",
            f"SELECT server_id FROM {VIEW}",
        ),
        (
            "SELECT h.server_id FROM `INFORMATION_SCHEMA` . `replica_host_status` h",
            f"SELECT h.server_id FROM {VIEW} h",
        ),
    ],
)
def test_what_only_aurora_knows_is_put_into_other_words(
    rewriter: Rewriter, sql: str, expected: str
) -> None:
    assert rewriter.rewrite(sql.encode()).decode() == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "",
        "SELECT '@@aurora_server_id', \"information_schema.replica_host_status\"",
        "SELECT 'it''s @@aurora_server_id', 'a \\' @@aurora_server_id'",
        "SELECT 1 -- @@aurora_server_id\n, 2 # @@aurora_server_id",
        "SELECT /* @@aurora_server_id */ 1",
        "SELECT `@@aurora_server_id` FROM t",
        "SELECT @aurora_server_id, @@version, @@session.sql_mode",
        "SELECT aurora_version FROM information_schema.replica_host_status_2",
        "SHOW VARIABLES LIKE 'aurora%'",
        "SHOW VARIABLES LIKE 'version'",
        "INSERT INTO t VALUES ('replica_host_status', '@@aurora_server_id",
        "SELECT '\u00e4\u20ac @@aurora_server_id', \u00e4 FROM \u20ac",
    ],
)
def test_everything_else_stays_as_it_is(rewriter: Rewriter, sql: str) -> None:
    assert rewriter.rewrite(sql.encode()) == sql.encode()


def test_bytes_of_no_character_set_stay_as_they_are(rewriter: Rewriter) -> None:
    sql = b"INSERT INTO t VALUES (x'00', '\xff\xfe @@aurora_server_id', @@x, \xff)"
    assert rewriter.rewrite(sql) == sql


def packet(payload: bytes, number: int = 0) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def command(code: int, text: str) -> bytes:
    return packet(bytes([code]) + text.encode())


ASKED = "SELECT @@aurora_server_id x"
TOLD = "SELECT 'instance-1' x"


@pytest.mark.parametrize("code", [QUERY, PREPARE])
def test_statements_are_rewritten_wherever_the_stream_is_cut(rewriter: Rewriter, code: int) -> None:
    stream = command(code, ASKED) + command(QUERY, "SELECT 1") + command(code, ASKED)
    expected = command(code, TOLD) + command(QUERY, "SELECT 1") + command(code, TOLD)
    for cut in range(len(stream) + 1):
        statements = Statements(rewriter)
        out = statements.translate(stream[:cut]) + statements.translate(stream[cut:])
        assert out == expected
    statements = Statements(rewriter)
    assert b"".join(statements.translate(bytes([b])) for b in stream) == expected


def test_other_commands_and_the_log_in_pass(statements: Statements) -> None:
    stream = packet(b"\x03" + ASKED.encode(), number=1)
    stream += packet(b"\x03" + ASKED.encode(), number=3)
    stream += command(EXECUTE, ASKED) + command(SEND_LONG_DATA, ASKED) + command(CHANGE_USER, ASKED)
    stream += packet(b"\x03" + ASKED.encode(), number=2)
    assert statements.translate(stream) == stream
    assert statements.translate(command(QUERY, ASKED)) == command(QUERY, TOLD)


def test_a_long_statement_passes_without_being_held_back(statements: Statements) -> None:
    start = command(QUERY, ASKED + " " * (2 << 20))
    for piece in (start[:1000], start[1000:2000], start[2000:]):
        assert statements.translate(piece) == piece


def test_a_statement_of_several_packets_passes(statements: Statements) -> None:
    parts = [packet(b"\x03" + b"x" * (FULL - 1)), packet(b"\x03" + ASKED.encode(), number=1)]
    for part in parts:
        assert statements.translate(part) == part
    exact = [packet(b"\x03" + b"x" * (FULL - 1)), packet(b"", number=1)]
    for part in exact:
        assert statements.translate(part) == part
    assert statements.translate(command(QUERY, ASKED)) == command(QUERY, TOLD)


def test_an_uploaded_file_passes_even_when_its_numbers_come_round(statements: Statements) -> None:
    load = command(QUERY, "LOAD DATA LOCAL INFILE 'x' INTO TABLE t")
    assert statements.translate(load) == load
    data = packet(b"\x03" + ASKED.encode(), number=2)
    for number in range(3, 600):
        data += packet(b"\x03" + ASKED.encode(), number=number % 256)
    data += packet(b"", number=88)
    assert statements.translate(data) == data
    assert statements.translate(command(QUERY, ASKED)) == command(QUERY, TOLD)


def test_any_stream_arrives_whole(rewriter: Rewriter) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    packets = [
        packet(
            bytes([chance.choice([1, 2, 3, 22, 23, 25])]) + chance.randbytes(chance.randrange(3000))
        )
        for _ in range(300)
    ]
    stream = b"".join(packets).replace(b"@@", b"..")
    statements = Statements(rewriter)
    out, at = b"", 0
    while at < len(stream):
        size = chance.randrange(1, 5000)
        out += statements.translate(stream[at : at + size])
        at += size
    assert out == stream
