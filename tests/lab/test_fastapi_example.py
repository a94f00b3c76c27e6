# SPDX-License-Identifier: Apache-2.0
"""The example of a web service, started as its user starts it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aurora_lab import Cluster, eventually

from lab_help import user_environment

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def service(aurora_cluster: Cluster) -> Iterator[str]:
    """The address of the running service."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with aurora_cluster.connect(aurora_cluster.writer.id) as admin:
        admin.execute("DROP TABLE IF EXISTS note")  # of another test
    login = f"{aurora_cluster.user}:{aurora_cluster.password}"
    where = f"{aurora_cluster.writer_endpoint}/{aurora_cluster.database}"
    command = [sys.executable, "-m", "uvicorn", "fastapi_notes:app", "--port", str(port)]
    with subprocess.Popen(
        [*command, "--app-dir", str(EXAMPLES), "--log-level", "warning"],
        env={
            **user_environment(),
            "DATABASE_URL": f"postgresql+aws_wrapper_psycopg://{login}@{where}",
        },
    ) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            eventually(lambda: answers(f"{address}/notes"), within=30)
            yield address
        finally:
            process.terminate()
            ended = process.wait(30)
    assert ended in (0, -signal.SIGTERM)  # uvicorn ends as it was told to


def answers(url: str) -> bool:
    try:
        call(url)
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


def call(url: str, method: str = "GET") -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:
        return json.load(answer)


def test_web_service_keeps_every_note_through_failovers(
    aurora_cluster: Cluster, service: str
) -> None:
    written = {}
    for number, how in enumerate(["crash", "planned", "crash"]):
        for key in (f"before-{number}", f"after-{number}"):
            assert call(f"{service}/notes/{key}?text=kept", "PUT") == {"key": key}
            written[key] = "kept"
            if key.startswith("before"):
                aurora_cluster.failover(how=how)
        aurora_cluster.heal()
    assert call(f"{service}/notes") == written
