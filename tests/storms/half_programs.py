# SPDX-License-Identifier: Apache-2.0
"""Random programs of transactions, and a ledger that knows which rows belong together."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

_rows = itertools.count(1)


class Frame(Protocol):
    """What a program runs in: a driver, or what stands on one."""

    errors: type[Exception] | tuple[type[Exception], ...]
    """What the program catches."""

    def unit(self) -> Any:
        """A block that is a transaction; rolls back if it is left with an error."""

    def part(self) -> Any:
        """A block within one that can be rolled back alone."""

    def write(self, row: int, raw: bool) -> None:
        """Insert a row; ``raw``: by the way past the frame's own."""

    def read(self, raw: bool) -> None:
        """Read something."""

    def backend(self) -> int | None:
        """The server's number of the session, or None if there is none."""

    def close(self) -> None:
        """Let go of everything."""


@dataclass
class Step:
    """One thing that a program does."""

    kind: str
    """``write``, ``read`` or ``part``."""
    raw: bool = False
    caught: bool = False
    """The program catches the error of it, and goes on."""
    steps: list[Step] = field(default_factory=list)

    def __str__(self) -> str:
        text = "raw " * self.raw + self.kind
        if self.steps:
            text += f"({', '.join(map(str, self.steps))})"
        return f"try({text})" if self.caught else text


@dataclass
class Unit:
    """A transaction, as the program means it."""

    steps: list[Step]
    rolls_back: bool

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.steps))}]{' rolled back' * self.rolls_back}"


def random_units(chance: random.Random, caught: float) -> list[Unit]:
    """A program of some transactions; ``caught``: how many of its errors it catches."""

    def steps(depth: int) -> list[Step]:
        made = []
        for _ in range(chance.randint(1, 4)):
            kind = chance.choice(["write", "write", "read", "part"] if depth < 2 else ["write"])
            step = Step(kind, raw=chance.random() < 0.3, caught=chance.random() < caught)
            if kind == "part":
                step.steps = steps(depth + 1)
            made.append(step)
        return made

    return [Unit(steps(0), chance.random() < 0.15) for _ in range(chance.randint(2, 3))]


class PlannedEnd(Exception):
    """The program leaves its transaction by an error of its own."""


class Run:
    """A program that runs, loses its server once, and whose rows are looked at afterwards."""

    def __init__(self, frame: Frame, lose: Callable[[], None], lost_at: int, program: str) -> None:
        self.program = program
        """The program, in words."""
        self._frame = frame
        self._lose = lose
        self._countdown = lost_at
        self.told: list[str] = []
        """What each thing that could fail has told since the server was lost."""
        self.told_by_its_end = 0
        """How many of these by the end of the transaction that lost its server."""
        self.together: list[tuple[str, list[int]]] = []
        """For each transaction how it ended, and the rows that it holds."""
        self.undone: list[int] = []
        """Rows of parts that were rolled back."""
        self.in_unit = 0
        """How many rows the transaction had written that lost its server."""
        self._written = 0

    @staticmethod
    def length(units: list[Unit]) -> int:
        """In how many places a program can lose its server."""

        def of(steps: list[Step]) -> int:
            return sum(1 + of(step.steps) for step in steps)

        return sum(of(unit.steps) + 1 for unit in units)

    def play(self, units: list[Unit]) -> None:
        for unit in units:
            rows: list[int] = []
            self._written = 0
            lost_before = self._countdown <= 0
            try:
                with self._frame.unit():
                    self._run(unit.steps, rows)
                    self._count()
                    if unit.rolls_back:
                        raise PlannedEnd
            except PlannedEnd:
                self.together.append(("rolled back", rows))
            except self._frame.errors as error:
                self._tell(error)
                self.together.append(("error", rows))
            else:
                self.together.append(("committed", rows))
            if not lost_before:
                self.told_by_its_end = len(self.told)

    def _run(self, steps: list[Step], rows: list[int]) -> None:
        for step in steps:
            with self._caught() if step.caught else _not_caught():
                self._count()
                if step.kind == "part":
                    self._part(step, rows)
                elif step.kind == "write":
                    row = next(_rows)
                    self.undone.append(row)
                    self._frame.write(row, step.raw)
                    self.undone.remove(row)
                    rows.append(row)
                    self._written += 1
                else:
                    self._frame.read(step.raw)

    def _part(self, step: Step, rows: list[int]) -> None:
        within: list[int] = []
        try:
            with self._frame.part():
                self._run(step.steps, within)
        except BaseException:
            self.undone += within
            raise
        rows += within

    @contextmanager
    def _caught(self) -> Iterator[None]:
        try:
            yield
        except self._frame.errors as error:
            self._tell(error)

    def _tell(self, error: BaseException) -> None:
        own = "aws_advanced_python_wrapper"
        theirs = (one for one in type(error).__mro__ if not one.__module__.startswith(own))
        self.told.append(next(theirs).__name__)

    def _count(self) -> None:
        self._countdown -= 1
        if self._countdown == 0:
            self.in_unit = self._written
            self._lose()

    def halves(self, found: set[int]) -> list[str]:
        """What is wrong with the rows that the database has."""
        wrong = []
        for end, rows in self.together:
            there = [row for row in rows if row in found]
            whole = there in ([], rows)
            expected = {"committed": rows, "rolled back": []}.get(end, there)
            if not whole or there != expected:
                wrong.append(f"{end}: of {rows} there are {there}")
        if undone := sorted(found.intersection(self.undone)):
            wrong.append(f"though their statement or part failed there are {undone}")
        return wrong


@contextmanager
def _not_caught() -> Iterator[None]:
    yield
