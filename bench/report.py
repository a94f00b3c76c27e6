# SPDX-License-Identifier: Apache-2.0
"""The report of a run: report.json, and a page with the table and its plots."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .figures import Figure

_FOLDER = Path("bench/report")
_STYLE = (
    "body{font:15px sans-serif;margin:2em;max-width:70em}"
    "td{padding:.2em 1em;border-top:1px solid #ddd}"
)


def write(figures: Sequence[Figure], facts: dict[str, Any]) -> Path:
    """Write the report; return the path of its page."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    data = {"about": facts, "figures": [figure.as_json() for figure in figures]}
    (_FOLDER / "report.json").write_text(json.dumps(data, indent=2) + "\n")
    stamp = html.escape(", ".join(f"{key} {value}" for key, value in facts.items()))
    page = _FOLDER / "index.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><title>Benchmarks</title><style>{_STYLE}</style>"
        f"<h1>Benchmarks</h1><p>{stamp}</p>{_plots(figures)}<table>{_rows(figures)}</table>\n"
    )
    return page


def _rows(figures: Sequence[Figure]) -> str:
    return "".join(
        "<tr>"
        + "".join(
            f"<td>{html.escape(cell)}</td>"
            for cell in (
                figure.name,
                f"{figure.value:.2f} {figure.unit}",
                "" if figure.bound is None else f"at most {figure.bound:g}",
                "" if figure.bound is None else "holds" if figure.holds else "MISSED",
                figure.detail,
            )
        )
        + "</tr>"
        for figure in figures
    )


def _plots(figures: Sequence[Figure]) -> str:
    ratios = [one for one in figures if one.name.endswith(" / bare") and one.samples]
    waits = [one for one in figures if one.unit == "ms" and one.samples]
    return _strips(ratios, "ratio to the bare driver", 1) + _strips(waits, "ms", None)


def _strips(figures: Sequence[Figure], label: str, line: float | None) -> str:
    """One row of dots for each figure, on a logarithmic scale."""
    if not figures:
        return ""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 0.8 + 0.3 * len(figures)), layout="constrained")
    for row, one in enumerate(reversed(figures)):
        color = "tab:orange" if "upstream" in one.name else "tab:blue"
        axes.plot(one.samples, [row] * len(one.samples), "o", color=color, alpha=0.4)
        axes.plot([one.value], [row], "|", color="black", markersize=14)
    axes.set_yticks(range(len(figures)), [one.name for one in reversed(figures)])
    axes.set_xscale("log")
    axes.set_xlabel(label)
    if line is not None:
        axes.axvline(line, color="gray", linewidth=0.8)
    text = io.StringIO()
    figure.savefig(text, format="svg")
    pyplot.close(figure)
    return text.getvalue()
