# SPDX-License-Identifier: Apache-2.0
"""The demonstration in a short form, and its judge over events that are made up."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "demo"
sys.path.append(str(DEMO))

from events import Event, Kind  # noqa: E402
from scenario import FAULTS, Episode  # noqa: E402
from verdict import Books, Line, complaints, judge, total  # noqa: E402

CRASH = FAULTS[0]
AT = 100.0
EPISODES = [Episode(CRASH, "instance-1", AT, until=AT + 5)]
SERVERS = ("instance-1", "instance-2", "instance-3")


def event(
    after: float, kind: Kind, key: str = "", attempt: int = 1, thread: str = "write-1"
) -> Event:
    """An event so many seconds after the fault; before it instance-1 did it, then instance-2."""
    server = "instance-1" if after < 0 else "instance-2"
    error = "FailoverSuccessError" if kind in ("failed", "unknown", "refused", "error") else ""
    return Event(AT + after, kind, thread, key, attempt, "" if error else server, error)


STORY = [
    event(-0.1, "committed", "a"),
    event(0.2, "failed", "b", 1),
    event(0.3, "committed", "b", 2),
    event(0.5, "unknown", "c", 1),
    event(0.6, "absent", "c", 1),
    event(0.7, "committed", "c", 2),
    event(4.9, "committed", "d"),
]
JOURNAL = [("a", 1), ("b", 2), ("c", 2), ("d", 1)]


def books(**changed: list[tuple[str, int]]) -> Books:
    journal = {server: changed.get(server.replace("-", "_"), JOURNAL) for server in SERVERS}
    return Books(journal, dict.fromkeys(SERVERS, 0))


def verdict_on(what: Books, story: list[Event] = STORY) -> tuple[Line, list[str]]:
    lines = judge("wrapped", story, EPISODES, what, bounded=False)
    return lines[1], complaints(lines, {"wrapped": what})


def test_a_good_story_is_counted_and_not_complained_about() -> None:
    lines = judge("wrapped", STORY, EPISODES, books(), bounded=False)
    assert [line.acknowledged for line in lines] == [1, 3]
    line = lines[1]
    assert line.heard == pytest.approx(0.2)
    assert line.resumed == pytest.approx(0.3)
    assert line.longest == pytest.approx(4.2)
    assert (line.found, line.doubled, line.lost, line.ghosts) == (3, 0, 0, 0)
    assert line.errors == {"FailoverSuccessError": 2}
    assert total("wrapped", lines).acknowledged == 4
    assert complaints(lines, {"wrapped": books()}) == []


def test_a_lost_commit_is_found_out_even_if_one_server_only_lacks_it() -> None:
    line, bad = verdict_on(books(instance_3=JOURNAL[:-1]))
    assert (line.found, line.lost) == (2, 1)
    assert bad == ["wrapped, crash of the writer: 1 acknowledged commits are lost"]


def test_a_doubled_commit_is_found_out() -> None:
    line, bad = verdict_on(books(instance_2=[*JOURNAL, ("d", 2)]))
    assert line.doubled == 1
    assert len(bad) == 1


def test_an_order_that_the_journal_refused_the_second_time_is_doubled() -> None:
    line, bad = verdict_on(books(), [*STORY, event(4.95, "refused", "d", 2)])
    assert line.doubled == 1
    assert len(bad) == 1


@pytest.mark.parametrize("ghost", [("b", 1), ("c", 1)])
def test_an_attempt_known_as_failed_must_not_be_found(ghost: tuple[str, int]) -> None:
    rows = [row for row in JOURNAL if row[0] != ghost[0]]
    line, bad = verdict_on(books(instance_2=[*rows, ghost]))
    assert line.ghosts == 1
    assert bad == ["wrapped, crash of the writer: 1 attempts known as failed are found"]


def test_an_unknown_outcome_may_be_either() -> None:
    landed = [*STORY[:3], event(0.5, "unknown", "c", 1), event(0.6, "landed", "c", 1), STORY[-1]]
    rows = [*JOURNAL[:2], ("c", 1), JOURNAL[3]]
    line, bad = verdict_on(Books(dict.fromkeys(SERVERS, rows), {}), landed)
    assert (line.acknowledged, line.found, line.ghosts) == (3, 3, 0)
    assert bad == []


def test_accounts_that_do_not_add_up_and_wrong_reads_are_complained_about() -> None:
    wrong = Books(books().journal, {**dict.fromkeys(SERVERS, 0), "instance-2": 2})
    _, bad = verdict_on(wrong, [*STORY, event(1.0, "wrong", thread="read-1")])
    assert bad == [
        "wrapped, crash of the writer: 1 reads saw a wrong sum",
        "wrapped: the accounts on instance-2 don't add up",
    ]


def test_each_thread_has_to_be_back_within_the_bound() -> None:
    def longest(story: list[Event]) -> tuple[float | None, bool]:
        line = judge("wrapped", story, EPISODES, books(), bounded=True)[1]
        return line.longest, line.within_bound

    quick = [event(n / 10, "committed", "a") for n in range(-1, 50)]
    slow = [replace(e, thread="write-2") for e in quick if not AT < e.at < AT + CRASH.bound + 0.5]
    assert longest(quick) == (pytest.approx(0.1), True)
    assert longest(quick + slow) == (pytest.approx(CRASH.bound + 0.5), False)
    silent = replace(quick[0], thread="write-2")
    assert longest([*quick, silent]) == (None, False)
    stale = [replace(e, thread="write-2", server="instance-1") for e in quick]
    assert longest(quick + stale) == (None, False)


@pytest.fixture
def workshop() -> Iterator[Path]:
    """A temporary folder for a demo, which a server's user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="demo-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def start(workshop: Path, report: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(DEMO), "--report", str(report), *options],
        env={**os.environ, "TMPDIR": str(workshop)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_in(workshop: Path) -> list[str]:
    """What a demo left: files in its temporary folder, processes that it started."""
    left = [str(path) for path in workshop.iterdir()]
    for entry in Path("/proc").iterdir():
        try:
            if f"TMPDIR={workshop}\0" in (entry / "environ").read_text(errors="replace"):
                left.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # no process, or ended meanwhile
    return left


@pytest.mark.parametrize("engine", ["pg", "mysql"])
def test_a_short_demo_passes_and_leaves_nothing(
    workshop: Path, tmp_path: Path, engine: str
) -> None:
    options = ("--engine", engine, "--only", "crash", "--calm", "0.5", "--patience", "3")
    with start(workshop, tmp_path, *options) as demo:
        output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, output
    assert "All is well" in output
    page = (tmp_path / engine / "index.html").read_text()
    assert page.count("<svg") == 2
    assert "crash of the writer" in page
    assert left_in(workshop) == []


def test_an_interrupted_demo_leaves_nothing(workshop: Path, tmp_path: Path) -> None:
    with start(workshop, tmp_path, "--only", "freeze", "--calm", "0.5") as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "freeze of the writer ..." in line:
                demo.send_signal(signal.SIGINT)
        demo.wait(60)
    assert demo.returncode == 128 + signal.SIGINT
    assert left_in(workshop) == []
