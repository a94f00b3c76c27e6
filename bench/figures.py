# SPDX-License-Identifier: Apache-2.0
"""A figure: what was measured, what it may be at most, and how it is shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the report. ``bound`` is the most that ``value`` may be, or None."""

    name: str
    value: float
    unit: str
    bound: float | None = None
    detail: str = ""
    samples: Sequence[float] = ()
    """What the value was taken from, for the plots."""

    @property
    def holds(self) -> bool:
        """Whether the value is within its bound."""
        return self.bound is None or self.value <= self.bound

    def is_far_beyond(self, slack: float) -> bool:
        """Whether a ratio or a count is more than ``slack`` times its bound.

        A time depends on the machine and its other work, a ratio hardly does.
        """
        return self.bound is not None and not self.unit and self.value > slack * self.bound

    def as_json(self) -> dict[str, Any]:
        """The figure and whether it holds."""
        return {**asdict(self), "holds": self.holds}

    def as_row(self) -> str:
        """The figure as a line of a table."""
        bound = "" if self.bound is None else f"<= {self.bound:g}"
        mark = "ok" if self.holds else "MISSED"
        return (
            f"{self.name:<58}{self.value:>10.2f} {self.unit:<6}{bound:>10}  {mark:<7}{self.detail}"
        )


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def middle(values: Sequence[float]) -> float:
    """The mean of the middle half: as steady against outliers as the median, with less noise."""
    ordered = sorted(values)
    return statistics.mean(ordered[len(ordered) // 4 : max(1, 3 * len(ordered) // 4)])


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def spread(values: Sequence[float]) -> str:
    """Quartiles, as text."""
    return f"quartiles {percentile(values, 0.25):.2f} to {percentile(values, 0.75):.2f}"
