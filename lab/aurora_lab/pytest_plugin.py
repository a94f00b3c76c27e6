# SPDX-License-Identifier: Apache-2.0
"""Fixtures that give tests a cluster, proven healthy again after each test.

With ``--lab`` (or ``aurora_lab = true`` in the ini file) pytest starts itself anew, once, under
the resolver view of the lab, so that the endpoint names resolve inside the tests.

pytest loads this wherever the package is installed: nothing of the lab is imported before it is
used, nor what the extra ``lab`` brings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .cluster import Cluster

_SUFFIX = "us-east-1.rds.amazonaws.com"
_OPTIONS: dict[str, dict[str, Any]] = {
    "aurora_cluster": {},
    "gated_cluster": {"gates": True, "domain": f"gated.{_SUFFIX}"},
    "multi_az_cluster": {"kind": "multi-az", "domain": f"multiaz.{_SUFFIX}"},
    "tls_cluster": {"tls": True, "domain": f"tls.{_SUFFIX}"},
    "mysql_cluster": {"engine": "mysql", "domain": f"mysql.{_SUFFIX}"},
    "mysql_gated_cluster": {"engine": "mysql", "gates": True, "domain": f"gatedmysql.{_SUFFIX}"},
    "mysql_multi_az_cluster": {
        "engine": "mysql",
        "kind": "multi-az",
        "domain": f"multiazmysql.{_SUFFIX}",
    },
    "mysql_tls_cluster": {"engine": "mysql", "tls": True, "domain": f"tlsmysql.{_SUFFIX}"},
}
_MARK = "AURORA_LAB_PYTEST"
_CLUSTERS = pytest.StashKey[dict[str, "Cluster"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare ``--lab``, the bindirs of the servers and the ini option ``aurora_lab``."""
    group = parser.getgroup("aurora lab")
    group.addoption("--lab", action="store_true", help="run under the lab's resolver view")
    group.addoption("--lab-bindir", help="folder of PostgreSQL's server programs")
    group.addoption("--lab-mysql-bindir", help="folder of MariaDB's server programs")
    parser.addini("aurora_lab", "run under the lab's resolver view", type="bool", default=False)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Start pytest anew under the resolver view, if it was asked for and isn't there yet."""
    asked = config.getoption("lab") or config.getini("aurora_lab")
    if not asked:
        return
    from .errors import LabError
    from .resolver import Resolver

    if Resolver.of_this_process() is not None:
        return
    resolver = Resolver()
    try:
        environment = {**os.environ, **resolver.environment(), _MARK: str(os.getpid())}
    except LabError as error:
        resolver.close()
        raise pytest.UsageError(str(error)) from error
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        # Output is captured from early on: the new process must get the real descriptors.
        capture.stop_global_capturing()
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(config.invocation_params.dir)
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def pytest_configure(config: pytest.Config) -> None:
    """Give a worker of pytest-xdist a view of its own: its clusters have the same names."""
    if not hasattr(config, "workerinput") or _MARK not in os.environ:
        return
    from .resolver import Resolver

    if Resolver.of_this_process() is not None:
        Resolver().adopt()
        os.environ[_MARK] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the clusters, and remove the resolver's folder if this process made it."""
    for cluster in config.stash.get(_CLUSTERS, {}).values():
        cluster.down()
    config.stash[_CLUSTERS] = {}
    # The process id stays the same when a process starts itself anew.
    if os.environ.get(_MARK) != str(os.getpid()):
        return
    from .resolver import Resolver

    resolver = Resolver.of_this_process()
    if resolver is not None:
        resolver.remove()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Heal every cluster that the test used; a test after which that fails has an error."""
    try:
        return (yield)
    finally:
        # The request's names, unlike the item's, include those that a fixture asked for by name.
        used = item._request.fixturenames if isinstance(item, pytest.Function) else ()
        for name, cluster in item.config.stash.get(_CLUSTERS, {}).items():
            if name in used:
                _heal(cluster)


def _heal(cluster: Cluster) -> None:
    from .errors import LabError

    try:
        cluster.heal()
    except LabError:
        # This test's tear-down reports why; the next test gets new servers.
        cluster.down()
        cluster.up()
        raise


def _get(config: pytest.Config, name: str) -> Cluster:
    try:
        from .cluster import Cluster
    except ImportError as error:
        raise pytest.UsageError(
            f"the fixture {name} needs what the extra lab brings ({error}): "
            'pip install "aws-advanced-python-wrapper-native[lab]"'
        ) from error

    clusters = config.stash.setdefault(_CLUSTERS, {})
    if name not in clusters:
        options = _OPTIONS[name]
        of_mysql = options.get("engine") == "mysql"
        bindir = config.getoption("lab_mysql_bindir" if of_mysql else "lab_bindir")
        clusters[name] = Cluster(bindir=bindir, **options).up()
    return clusters[name]


@pytest.fixture(scope="module")
def aurora_cluster(request: pytest.FixtureRequest) -> Cluster:
    """An Aurora cluster of one writer and two readers, without gates."""
    return _get(request.config, "aurora_cluster")


@pytest.fixture(scope="module")
def gated_cluster(request: pytest.FixtureRequest) -> Cluster:
    """The same with a gate before every instance, in a domain of its own."""
    return _get(request.config, "gated_cluster")


@pytest.fixture(scope="module")
def multi_az_cluster(request: pytest.FixtureRequest) -> Cluster:
    """A Multi-AZ DB cluster of one writer and two readers, in a domain of its own."""
    return _get(request.config, "multi_az_cluster")


@pytest.fixture(scope="module")
def tls_cluster(request: pytest.FixtureRequest) -> Cluster:
    """An Aurora cluster that speaks TLS, in a domain of its own."""
    return _get(request.config, "tls_cluster")


@pytest.fixture(scope="module")
def mysql_cluster(request: pytest.FixtureRequest) -> Cluster:
    """An Aurora MySQL cluster of one writer and two readers, in a domain of its own."""
    return _get(request.config, "mysql_cluster")


@pytest.fixture(scope="module")
def mysql_gated_cluster(request: pytest.FixtureRequest) -> Cluster:
    """The same once more, for tests that make its gates misbehave."""
    return _get(request.config, "mysql_gated_cluster")


@pytest.fixture(scope="module")
def mysql_multi_az_cluster(request: pytest.FixtureRequest) -> Cluster:
    """A Multi-AZ DB cluster of MySQL, one writer and two readers, in a domain of its own."""
    return _get(request.config, "mysql_multi_az_cluster")


@pytest.fixture(scope="module")
def mysql_tls_cluster(request: pytest.FixtureRequest) -> Cluster:
    """An Aurora MySQL cluster that speaks TLS, in a domain of its own."""
    return _get(request.config, "mysql_tls_cluster")
