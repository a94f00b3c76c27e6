# SPDX-License-Identifier: Apache-2.0
"""pytest under the plugin: the view, the exit code, the output, the healing."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from traces import gone

SUITE = """
import psycopg, pytest, os, sys, traces

def names(cluster):
    with psycopg.connect(cluster.dsn()) as connection:
        return connection.execute("SELECT aurora_db_instance_identifier()").fetchone()[0]

@pytest.fixture(scope="module")
def table(aurora_cluster):
    with psycopg.connect(aurora_cluster.dsn()) as connection:
        connection.execute("CREATE TABLE kept (a int)")

def test_crash_and_leave(aurora_cluster, table):
    print("folder", aurora_cluster.folder)
    print("segments", *traces.segments_of(aurora_cluster.folder))
    aurora_cluster.crash("instance-1")
    aurora_cluster.crash("instance-2")

def test_is_whole_again(aurora_cluster, table):
    assert names(aurora_cluster) == "instance-1"
    assert set(aurora_cluster.truth().instances.values()) == {"up"}
    aurora_cluster.failover(how="freeze")

def test_fails(aurora_cluster):
    assert names(aurora_cluster) == "not this one"
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_suite.py").write_text(SUITE)
    return run_python(folder, "-m", "pytest", *plugin(), "-p", "no:cacheprovider", *options)


def plugin() -> list[str]:
    """What loads the plugin where no installed package does."""
    registered = any(e.name == "aurora_lab" for e in entry_points(group="pytest11"))
    return [] if registered else ["-p", "aurora_lab.pytest_plugin"]


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    helpers = str(Path(__file__).parent)
    ours = ("LD_PRELOAD", "NSS_WRAPPER_HOSTS", "AURORA_LAB_RESOLVER", "AURORA_LAB_PYTEST")
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k not in ours} | {"PYTHONPATH": helpers},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("asked", ["option", "ini"])
def test_a_suite_runs_under_the_view_and_is_healed(tmp_path: Path, asked: str) -> None:
    ini = "[pytest]\naurora_lab = true\n" if asked == "ini" else "[pytest]\n"
    (tmp_path / "pytest.ini").write_text(ini)
    done = run(tmp_path, "-v", "-s", *(["--lab"] if asked == "option" else []))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "1 failed" in done.stdout
    assert done.stdout.count("test session starts") == 1
    assert "not this one" in done.stdout
    folder = done.stdout.partition("folder ")[2].split()[0]
    segments = done.stdout.partition("segments ")[2].splitlines()[0].split()
    assert len(segments) == 3
    assert gone(folder, set(segments))


def test_without_the_option_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_view.py").write_text(
        "import os\ndef test_view():\n    assert 'AURORA_LAB_RESOLVER' not in os.environ\n"
    )
    assert run(tmp_path, "test_view.py").returncode == 0
    assert run(tmp_path, "--lab", "test_view.py").returncode == 1


def test_other_suites_need_nothing_of_the_lab(tmp_path: Path) -> None:
    """Where the package is installed without the extra, pytest loads the plugin all the same."""
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_nothing_is_imported():\n"
        "    assert 'aurora_lab.pytest_plugin' in sys.modules\n"
        "    assert not {'aurora_lab.cluster', 'aurora_lab.resolver'} & set(sys.modules)\n"
        "def test_asks_for_a_cluster(aurora_cluster):\n"
        "    pass\n"
    )
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('psycopg', 'mysql', 'cryptography')))\n"
        "import pytest\n"
        f"sys.exit(pytest.main([*{plugin()!r}, '-p', 'no:cacheprovider']))\n"
    )
    done = run_python(tmp_path, "-c", program)
    assert "1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "needs what the extra lab brings" in done.stdout
