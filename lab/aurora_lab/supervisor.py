# SPDX-License-Identifier: Apache-2.0
"""The process that owns a cluster started by ``aurora-lab up``, and how to speak to it.

Requests and answers are one JSON line each over a Unix socket in the lab's state folder, which
only its user can enter. The lab is up as long as somebody answers there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import processes
from .cluster import Cluster
from .errors import LabError

log = logging.getLogger("aurora_lab")

_ANSWER_WITHIN = 180.0
_UP_WITHIN = 120.0


def state_folder(lab: str) -> Path:
    """Return where the state of the lab with this name is."""
    if not lab.isidentifier():
        raise LabError(f"a lab's name is made of letters, digits and underscores, not {lab!r}")
    return Path(tempfile.gettempdir()) / f"aurora-lab-state-{os.geteuid()}" / lab


def ask(lab: str, do: str, **arguments: Any) -> Any:
    """Let a running lab do something, and return its answer.

    Raises ``LabError`` if no such lab is up, or with the reason why it can't.
    """
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_ANSWER_WITHIN)
        try:
            link.connect(str(state_folder(lab) / "control"))
        except OSError as error:
            raise LabError("no lab is up: start one with 'aurora-lab up pg'") from error
        try:
            link.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
            with link.makefile("r") as lines:
                text = lines.readline()
        except OSError as error:
            raise LabError(f"the lab didn't answer: {error}") from error
    if not text:
        raise LabError("the lab ended while it was asked")
    answer = json.loads(text)
    if answer["error"]:
        raise LabError(answer["error"])
    return answer["answer"]


def launch(lab: str, options: dict[str, Any]) -> None:
    """Start a lab in the background; ``options`` are those of ``Cluster``.

    Returns when it is up. Raises ``LabError`` if one of this name is up, or if it can't be.
    """
    folder = state_folder(lab)
    if answers(lab):
        raise LabError("the lab is up already: 'aurora-lab down' first, or choose another --lab")
    clear(lab)
    package = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = package + (os.pathsep + inherited if inherited else "")
    process: subprocess.Popen[bytes] | None = None
    try:
        folder.mkdir(mode=0o700, parents=True)
        with open(folder / "log", "wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "aurora_lab.supervisor", lab, json.dumps(options)],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": path},
            )
        text = _first_line(process, _UP_WITHIN)
        error = json.loads(text)["error"] if text else (folder / "log").read_text()
    except BaseException:
        # One that is just being started finds nobody to tell that it is up, and ends.
        if process is not None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):  # its keeper cleans up regardless
                process.wait(20)
        clear(lab)
        raise
    if error:
        process.wait(20)
        clear(lab)
        raise LabError(error)
    process.returncode = 0  # it stays, and is no longer ours to wait for


def _first_line(process: subprocess.Popen[bytes], within: float) -> bytes:
    assert process.stdout is not None
    deadline = time.monotonic() + within
    text = b""
    with process.stdout as pipe:
        while not text.endswith(b"\n"):
            left = max(0.0, deadline - time.monotonic())
            if not select.select([pipe], [], [], left)[0]:
                raise LabError(f"the lab isn't up after {within:g} s")
            chunk = os.read(pipe.fileno(), 4096)
            if not chunk:
                break
            text += chunk
    return text


def answers(lab: str) -> bool:
    """Tell whether a lab of this name is up."""
    try:
        ask(lab, "ping")
    except LabError:
        return False
    return True


def clear(lab: str) -> None:
    """Remove the state of a lab that doesn't run."""
    folder = state_folder(lab)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # another lab is in it, or there is none
        folder.parent.rmdir()


def wait_gone(pid: int, within: float = 30.0) -> None:
    """Wait for the end of a supervisor. Raises ``LabError`` at the deadline."""
    deadline = time.monotonic() + within
    while processes.alive(pid):
        if time.monotonic() > deadline:
            raise LabError(f"process {pid} of the lab doesn't end within {within:g} s")
        time.sleep(0.01)


class _Supervisor:
    def __init__(self, lab: str, cluster: Cluster) -> None:
        self._lab = lab
        self._cluster = cluster
        self._ended = threading.Event()
        self._orders: dict[str, Callable[..., Any]] = {
            "ping": os.getpid,
            "down": self._down,
            "status": self._status,
            "truth": lambda: _plain(cluster.truth()),
            "environment": cluster.resolver.environment,
            "crash": cluster.crash,
            "freeze": cluster.freeze,
            "thaw": cluster.thaw,
            "rejoin": cluster.rejoin,
            "lose": cluster.lose_reader,
            "heal": cluster.heal,
            "gate": self._gate,
            "failover": lambda **options: _plain(cluster.failover(**options)),
        }

    def serve(self) -> None:
        """Answer until told to end."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(state_folder(self._lab) / "control"))
            listener.listen()
            listener.settimeout(0.2)
            os.write(1, b'{"error": ""}\n')
            os.close(1)
            while not self._ended.is_set():
                try:
                    link, _ = listener.accept()
                except TimeoutError:
                    continue  # look whether we are to end
                threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def end(self, *_: object) -> None:
        """Let ``serve`` return."""
        self._ended.set()

    def _answer(self, link: socket.socket) -> None:
        with link, link.makefile("rw") as lines:
            order = json.loads(lines.readline())
            error, answer = "", None
            try:
                answer = self._orders[order.pop("do")](**order)
            except Exception as trouble:  # goes to the one who asked
                log.exception("an order failed")
                error = str(trouble) or type(trouble).__name__
            with contextlib.suppress(OSError):  # the one who asked has gone
                lines.write(json.dumps({"error": error, "answer": answer}) + "\n")

    def _down(self) -> int:
        self._cluster.down()
        self._ended.set()
        return os.getpid()

    def _gate(self, instance_id: str, state: str, ms: float) -> None:
        gate = self._cluster.gate(instance_id)
        if state == "delay":
            gate.delay(ms)
        else:
            actions = {
                "pass": gate.pass_,
                "freeze": gate.freeze,
                "drop": gate.drop,
                "refuse": gate.refuse,
                "reset": gate.reset,
                "heal": gate.heal,
            }
            actions[state]()

    def _status(self) -> dict[str, Any]:
        cluster = self._cluster
        truth = cluster.truth()
        return {
            "engine": cluster.engine,
            "kind": cluster.kind,
            "dsn": cluster.dsn(),
            "writer_endpoint": cluster.writer_endpoint,
            "reader_endpoint": cluster.reader_endpoint,
            "port": cluster.port,
            "user": cluster.user,
            "password": cluster.password,
            "database": cluster.database,
            "ca_file": cluster.ca_file if cluster.tls else None,
            "folder": str(cluster.folder),
            "supervisor_pid": os.getpid(),
            "keeper_pid": cluster.keeper_pid,
            "writer": truth.writer,
            "topology_writer": truth.topology_writer,
            "dns_writer": truth.dns_writer,
            "instances": [
                {
                    "id": i.id,
                    "endpoint": i.endpoint,
                    "address": i.address,
                    "gate_address": i.gate_address,
                    "gate": cluster.gate(i.id).state if i.gate_address else None,
                    "pid": i.pid,
                    "state": i.state,
                }
                for i in cluster.instances.values()
            ],
        }


def _plain(record: Any) -> dict[str, Any]:
    fields = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    if "instances" in fields:
        fields["instances"] = dict(fields["instances"])
        fields["failovers"] = [_plain(f) for f in fields["failovers"]]
    return fields


def main() -> None:
    """Own the lab that the arguments describe, until it is told to end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("mysql").setLevel(logging.WARNING)  # it tells of every connection
    lab, options = sys.argv[1], json.loads(sys.argv[2])
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Cluster(**options) as cluster:
            supervisor = _Supervisor(lab, cluster)
            signal.signal(signal.SIGTERM, supervisor.end)
            signal.signal(signal.SIGINT, supervisor.end)
            supervisor.serve()
    except LabError as error:
        log.error("%s", error)
        os.write(1, json.dumps({"error": str(error)}).encode() + b"\n")
        sys.exit(1)
    finally:
        clear(lab)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
