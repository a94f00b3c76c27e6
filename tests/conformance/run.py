# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of others with the stock classes and with ours, and compares the outcomes.

usage: run.py sqlalchemy: SQLAlchemy's dialect compliance suite, on the stock dialects and on ours.
       run.py psycopg FOLDER: psycopg's own tests; FOLDER is the top of its sources. And the PEP 249
                              suite that it carries, on mysql-connector in both builds.

For psycopg: with ``plugins=""`` every test must end as with the stock class; with the default
plugins all but those that break the link on purpose, which are listed below with the reason.
psycopg marks some of its tests as unpredictable, so a test that ends differently is repeated alone
on both sides; the difference stands unless the stock class, too, ends as ours did.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from aurora_lab import Cluster, Resolver
from comparison import (
    explain,
    outcomes,
    own_resolver,
    psycopg_in_place,
    steady_differences,
    unexpected,
)

_MODULES = [
    "test_connection",
    "test_cursor",
    "test_cursor_common",
    "test_cursor_server",
    "test_copy",
    "test_pipeline",
    "test_transaction",
    "test_notify",
    "test_prepared",
    "test_tpc",
    "pool/test_pool",
]
FILES = [
    *(f"tests/{module}.py" for module in _MODULES),
    *(f"tests/{module}_async.py" for module in _MODULES),
    "tests/test_psycopg_dbapi20.py",
]

PLAIN_MYSQL: dict[str, Any] = {"engine": "mysql", "kind": "plain", "domain": "plain.example"}
SUITE_REPEATS = 3
_KILLED = "the test kills its own backend: our connection is on a new one afterwards, not broken"
_EXPECTED = {
    "tests.test_connection::test_broken": _KILLED,
    "tests.test_connection::test_broken_connection": _KILLED,
    "tests.test_connection::test_right_exception_on_server_disconnect": (
        "the test wants the server's AdminShutdown; ours is FailoverSuccessError, caused by it"
    ),
    "tests.pool.test_pool::test_stats_check": (
        "the test kills a pooled backend and wants the pool to count it as lost; it is replaced"
    ),
}
EXPECTED_WITH_PLUGINS = {
    **_EXPECTED,
    **{name.replace("::", "_async::"): reason for name, reason in _EXPECTED.items()},
}


def psycopg_outcomes(
    folder: Path, dsn: str, plugins: str | None, tests: Sequence[str]
) -> dict[str, str]:
    """Run the tests; return the outcome of each. ``plugins`` None is the stock class."""
    arguments, environment = ([], None) if plugins is None else psycopg_in_place(plugins)
    return outcomes([*arguments, *tests, "--test-dsn", dsn, "-m", "not slow"], folder, environment)


class SqlAlchemySuite:
    """The compliance suite on one server: a stock dialect, and ours in its place."""

    def __init__(self, cluster: Cluster, requirements: str) -> None:
        self._where = f"{cluster.user}:{cluster.password}@{cluster.writer_endpoint}"
        self._database = cluster.database
        self._requirements = requirements

    def compare(self, stock_dialect: str, dialect: str, query: str = "") -> list[str]:
        """Return the complaints about our dialect: about what differs each time."""
        complaints: dict[str, str] = {}
        for attempt in range(SUITE_REPEATS):
            stock = self._outcomes(stock_dialect, query)
            ours = self._outcomes(dialect, query)
            found = {name: explain(name, stock, ours) for name in unexpected(stock, ours, [])}
            complaints = {
                name: text for name, text in found.items() if not attempt or name in complaints
            }
            if not complaints:
                break
        return list(complaints.values())

    def _outcomes(self, dialect: str, query: str) -> dict[str, str]:
        folder = Path(__file__).parent / "sqlalchemy_suite"
        arguments = ["-c", "/dev/null", "--rootdir=.", "-p", "no:aurora_lab", "-W", "ignore"]
        arguments += ["test_suite.py", "--dburi"]
        arguments += [f"{dialect}://{self._where}/{self._database}{query}"]
        arguments += ["--requirements", f"suite_requirements:{self._requirements}"]
        # tests/first loads mysql-connector's C build before what would hinder it.
        paths = [str(folder), str(Path(__file__).parents[1] / "first")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        environment["PYTHONHASHSEED"] = "0"  # a test takes any of a set, and they differ
        title = f"SQLAlchemy's suite, {dialect}{query}: "
        found = outcomes(arguments, folder, environment, title=title)
        return {name.replace(dialect, ""): outcome for name, outcome in found.items()}


class PsycopgTests:
    """psycopg's tests on one server: the stock class, and ours with any plugins."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._dsn = cluster.dsn()
        self._folder = folder
        print("psycopg's tests, stock class", flush=True)
        self._run = partial(psycopg_outcomes, folder, self._dsn)
        self._stock = self._run(None, FILES)

    def compare(self, plugins: str, expected: Collection[str]) -> list[str]:
        """Return the complaints about our class with these plugins."""
        print(f"ours, plugins: {plugins or 'none'}", flush=True)
        run_stock, run_ours = partial(self._run, None), partial(self._run, plugins)
        return steady_differences(
            self._stock, run_ours(FILES), expected, self._folder, run_stock, run_ours
        )


def compare_psycopg(cluster: Cluster, folder: Path) -> list[str]:
    """psycopg's tests: stock class, ours without plugins, ours with the default ones."""
    tests = PsycopgTests(cluster, folder)
    complaints = tests.compare("", []) + tests.compare("default", EXPECTED_WITH_PLUGINS)
    print(f"{len(EXPECTED_WITH_PLUGINS)} tests are expected to differ with the default plugins")
    return complaints


def pep249_outcomes(folder: Path, module: str, arguments: dict[str, Any]) -> dict[str, str]:
    """Run the PEP 249 suite on a module of mysql-connector's kind; return the outcomes."""
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "PYTHONPATH": str(here.parent / "first"),
        "DBAPI20": str(folder / "tests" / "dbapi20.py"),
        "DRIVER_MODULE": module,
        "DRIVER_ARGUMENTS": json.dumps(arguments),
    }
    options = ["-c", "/dev/null", "-p", "no:aurora_lab", "--rootdir", str(here)]
    return outcomes([*options, str(here / "mysql_pep249.py")], here, environment, within=300.0)


def compare_pep249(cluster: Cluster, folder: Path) -> list[str]:
    """The PEP 249 suite: mysql-connector's module and ours, in both builds."""
    complaints = []
    for use_pure in (True, False):
        arguments = {
            "host": cluster.writer_endpoint,
            "user": cluster.user,
            "password": cluster.password,
            "database": cluster.database,
            "use_pure": use_pure,
        }
        print(f"PEP 249, mysql-connector with use_pure={use_pure}, stock and ours", flush=True)
        stock, ours = (
            pep249_outcomes(folder, module, arguments)
            for module in ("mysql.connector", "aws_advanced_python_wrapper.mysql_connector")
        )
        complaints += [explain(name, stock, ours) for name in unexpected(stock, ours, [])]
    return complaints


def compare_postgresql_dialects(resolver: Resolver, kind: str = "") -> list[str]:
    """SQLAlchemy's suite on PostgreSQL; ``kind`` "_async" is the dialect for asyncio."""
    domain = f"suite{kind.replace('_', '-')}.us-east-1.rds.amazonaws.com"
    with Cluster(readers=1, resolver=resolver, domain=domain) as cluster:
        with cluster.connect(cluster.writer.id) as admin:
            for schema in ("test_schema", "test_schema_2"):
                admin.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {cluster.user}")
        suite = SqlAlchemySuite(cluster, "PostgreSql")
        return suite.compare(f"postgresql+psycopg{kind}", f"postgresql+aws_wrapper_psycopg{kind}")


def compare_mysql_dialects(resolver: Resolver, use_pure: bool) -> list[str]:
    """SQLAlchemy's suite on MySQL, with one build of the driver."""
    place = {**PLAIN_MYSQL, "domain": f"{'pure' if use_pure else 'c'}.example"}
    with Cluster(readers=1, resolver=resolver, **place) as cluster:
        with cluster.connect(cluster.writer.id) as admin:
            cursor = admin.cursor()
            for schema in ("test_schema", "test_schema_2"):
                cursor.execute(f"CREATE SCHEMA {schema}")
            cursor.execute(f"GRANT ALL ON *.* TO {cluster.user}")
        return SqlAlchemySuite(cluster, "MySql").compare(
            "mysql+mysqlconnector",
            "mysql+aws_wrapper_mysqlconnector",
            f"?use_pure={use_pure}&collation=utf8mb4_general_ci",
        )


def compare_sqlalchemy(resolver: Resolver) -> list[str]:
    """SQLAlchemy's suite: the stock dialects and ours, each pair on a server of its own."""
    with ThreadPoolExecutor(2) as pool:
        pairs = [
            pool.submit(compare_postgresql_dialects, resolver),
            pool.submit(compare_postgresql_dialects, resolver, "_async"),
            pool.submit(compare_mysql_dialects, resolver, True),
            pool.submit(compare_mysql_dialects, resolver, False),
        ]
        return [complaint for pair in pairs for complaint in pair.result()]


def main() -> None:
    """Run what was asked for, print the differences, and exit with 1 if there are any."""
    folder = Path(sys.argv[2]).resolve() if sys.argv[1:2] == ["psycopg"] and sys.argv[2:] else None
    if sys.argv[1:] != ["sqlalchemy"] and not (folder and (folder / "tests").is_dir()):
        sys.exit("usage: make conformance PSYCOPG_TESTS=folder of psycopg's sources")
    resolver = own_resolver()
    if folder:
        with Cluster(readers=1, resolver=resolver) as cluster:
            complaints = compare_psycopg(cluster, folder)
        with Cluster(readers=1, resolver=resolver, **PLAIN_MYSQL) as cluster:
            complaints += compare_pep249(cluster, folder)
    else:
        complaints = compare_sqlalchemy(resolver)
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
