# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the tests on the lab."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from aurora_lab import Cluster

import aws_advanced_python_wrapper
from lab_help import Connect, connector

# A shell without job control starts its background jobs with Ctrl-C ignored; tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def released() -> Iterator[None]:
    """Each test starts with an engine that knows nothing."""
    yield
    aws_advanced_python_wrapper.release_resources()


@pytest.fixture
def connect(aurora_cluster: Cluster) -> Iterator[Connect]:
    """Opens connections, to the writer endpoint or another one, and closes them at the end."""
    yield from connector(aurora_cluster)
