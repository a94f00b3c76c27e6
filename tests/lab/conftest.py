# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the tests on the lab."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aurora_lab import Cluster

import aws_advanced_python_wrapper
from lab_help import Connect, connector
from rules_table import Rules


@pytest.fixture(autouse=True)
def released() -> Iterator[None]:
    """Each test starts with an engine that knows nothing."""
    yield
    aws_advanced_python_wrapper.release_resources()


@pytest.fixture
def connect(aurora_cluster: Cluster) -> Iterator[Connect]:
    """Opens connections, to the writer endpoint or another one, and closes them at the end."""
    yield from connector(aurora_cluster)


@pytest.fixture(scope="module")
def rules_table() -> Rules:
    return Rules()
