# SPDX-License-Identifier: Apache-2.0
"""Compares what the applications were told with what every server has. No input, no output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from events import ACKNOWLEDGED, SUCCESSES, Event
from scenario import Episode

BEFORE = "before any fault"
WRONG_ACCOUNTS = """
WITH moved AS (
    SELECT account, sum(amount) AS amount
    FROM (SELECT debit AS account, -amount AS amount FROM {schema}.journal
          UNION ALL SELECT credit, amount FROM {schema}.journal) AS half
    GROUP BY account
), checked AS (
    SELECT balance,
        CASE WHEN balance = {opening} + coalesce(moved.amount, 0) THEN 0 ELSE 1 END AS is_wrong
    FROM {schema}.account LEFT JOIN moved ON moved.account = account.id
)
SELECT coalesce(sum(is_wrong), 0) + CASE WHEN sum(balance) = {total} THEN 0 ELSE 1 END
FROM checked
"""
"""Counts the accounts of ``{schema}`` that differ from what the journal makes of them."""
Row = tuple[str, int]
"""Key and attempt of a row of the journal."""


@dataclass(frozen=True)
class Books:
    """What the servers have, by instance id."""

    journal: Mapping[str, Sequence[Row]]
    faults: Mapping[str, int]
    """How many accounts don't add up with the journal, plus one if their sum is wrong."""


@dataclass
class Line:
    """One client in the time from one fault to the next. Durations are in seconds."""

    client: str
    period: str
    bound: float | None = None
    heard: float | None = None
    """From the fault to the first error, if there was one."""
    resumed: float | None = None
    """From the fault to the first success on another server, if there was one."""
    longest: float | None = None
    """The longest time that a thread had to wait for a success; ``None`` if one waited in vain."""
    watched: float = 0.0
    """From the fault to the healing of the cluster."""
    errors: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    found: int = 0
    doubled: int = 0
    lost: int = 0
    ghosts: int = 0
    """Attempts that were known as failed, but are found."""
    wrong_reads: int = 0
    """Audits that saw money made or lost."""

    @property
    def within_bound(self) -> bool:
        """True if no thread waited longer than it may; without a bound there is nothing to miss."""
        return self.bound is None or (self.longest is not None and self.longest <= self.bound)


def judge(
    client: str, events: Sequence[Event], episodes: Sequence[Episode], books: Books, bounded: bool
) -> list[Line]:
    """Return a line for the time before any fault, and one for each fault.

    With ``bounded`` the lines have the bounds of the faults.
    """
    lines = []
    starts = [float("-inf"), *(episode.at for episode in episodes)]
    ends = [*starts[1:], float("inf")]
    attempts = _attempts_by_key(books)
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        here = [event for event in events if start <= event.at < end]
        line = Line(client, BEFORE)
        if number:
            episode = episodes[number - 1]
            line = _outage(client, here, events, episode, bounded)
        line.errors.update(event.error for event in here if event.error)
        _count(line, here, books, attempts)
        lines.append(line)
    return lines


def total(client: str, lines: Iterable[Line]) -> Line:
    """Return the sums of a client's lines."""
    whole = Line(client, "all in all")
    for line in lines:
        whole.errors.update(line.errors)
        whole.acknowledged += line.acknowledged
        whole.found += line.found
        whole.doubled += line.doubled
        whole.lost += line.lost
        whole.ghosts += line.ghosts
        whole.wrong_reads += line.wrong_reads
    return whole


def complaints(lines: Iterable[Line], books: Mapping[str, Books]) -> list[str]:
    """Return what is wrong, in sentences; nothing if all is well."""
    found = []
    for line in lines:
        who = f"{line.client}, {line.period}"
        if line.lost:
            found.append(f"{who}: {line.lost} acknowledged commits are lost")
        if line.doubled:
            found.append(f"{who}: {line.doubled} orders were carried out twice, or nearly so")
        if line.ghosts:
            found.append(f"{who}: {line.ghosts} attempts known as failed are found")
        if line.wrong_reads:
            found.append(f"{who}: {line.wrong_reads} reads saw a wrong sum")
        if not line.within_bound:
            waited = "in vain" if line.longest is None else f"{line.longest:.2f} s"
            found.append(f"{who}: a thread waited {waited}, the bound is {line.bound:g} s")
    for client, book in books.items():
        for server, faults in book.faults.items():
            if faults:
                found.append(f"{client}: the accounts on {server} don't add up")
    return found


def _attempts_by_key(books: Books) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for rows in books.journal.values():
        for key, attempt in rows:
            found.setdefault(key, set()).add(attempt)
    return found


def _outage(
    client: str,
    here: Sequence[Event],
    events: Sequence[Event],
    episode: Episode,
    bounded: bool,
) -> Line:
    fault, at = episode.fault, episode.at
    line = Line(client, fault.title, watched=episode.until - at)
    line.bound = fault.bound if bounded else None
    mine = [event for event in here if event.role == fault.role]
    line.heard = next((event.at - at for event in mine if event.error), None)
    good = [event for event in mine if event.kind in SUCCESSES and event.at < episode.until]
    elsewhere = [event for event in good if event.server != episode.server]
    line.resumed = elsewhere[0].at - at if elsewhere else None
    threads = {e.thread for e in events if e.role == fault.role}
    if threads == {event.thread for event in elsewhere}:
        line.longest = max(
            _longest_gap([at, *(e.at for e in good if e.thread == thread), episode.until])
            for thread in threads
        )
    return line


def _longest_gap(stamps: Sequence[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(stamps))


def _count(
    line: Line, here: Sequence[Event], books: Books, attempts: Mapping[str, set[int]]
) -> None:
    acknowledged = {event.key for event in here if event.kind in ACKNOWLEDGED}
    line.acknowledged = len(acknowledged)
    refused = {event.key for event in here if event.kind == "refused"}
    lost: set[str] = set()
    doubled: set[str] = set()
    for rows in books.journal.values():
        times = Counter(key for key, _ in rows)
        lost |= {key for key in acknowledged if not times[key]}
        doubled |= {key for key in acknowledged if times[key] > 1}
    line.lost = len(lost)
    line.found = len(acknowledged - lost)
    line.doubled = len(doubled | refused)
    line.wrong_reads = sum(event.kind == "wrong" for event in here)
    line.ghosts = sum(
        event.kind in ("failed", "absent") and event.attempt in attempts.get(event.key, ())
        for event in here
    )
