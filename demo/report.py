# SPDX-License-Identifier: Apache-2.0
"""The table at the end, and the report with its timeline."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

import numpy as np
import numpy.typing as npt
from events import SUCCESSES, Event, Role
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from recorder import Client
from scenario import Episode
from verdict import Line

ALL_WELL = (
    "All is well: every acknowledged commit is there once, on every server; nothing known as "
    "failed is found; no outage of the wrapped application is longer than its bound."
)
BIN = 0.1
"""Seconds per step of the timeline."""
_HEADINGS = (
    "fault",
    "client",
    "heard",
    "resumed",
    "longest wait",
    "bound",
    "acknowledged",
    "found",
    "doubled",
    "lost",
    "ghosts",
    "errors",
)
# Okabe and Ito's palette: distinct for everybody.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
_FAULT = "#B00020"
_FAULT_SPAN = "#F6E3E6"
_BEFORE, _AFTER = 1.0, 5.0

FloatArray = npt.NDArray[np.float64]


def text_table(lines: Iterable[Line]) -> str:
    """Return the table for a terminal: the periods as headings, below each a line per client."""
    blank = ("",) * (len(_HEADINGS) - 2)
    rows: list[tuple[str, ...]] = [_HEADINGS[1:]]
    headings: dict[int, str] = {}  # by the number of the row that they stand above
    for line in lines:
        period, *cells, errors = _cells(line)
        if period not in headings.values():
            headings[len(rows)] = period
        first, *more = errors.splitlines() or [""]
        rows.append((*cells, first))
        rows += [(*blank, error) for error in more]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = []
    for number, row in enumerate(rows):
        text += [headings[number]] if number in headings else []
        client, *numbers, error = row
        aligned = [cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True)]
        text.append("  ".join(["  " + client.ljust(widths[0]), *aligned, error]).rstrip())
    return "\n".join([text[0], "-" * max(map(len, text)), *text[1:]])


def write(
    folder: Path,
    engine: str,
    began: float,
    clients: Sequence[Client],
    episodes: Sequence[Episode],
    lines: Sequence[Line],
    bad: Sequence[str],
) -> Path:
    """Write ``index.html``, with its pictures inside, and return where it is.

    ``began`` is the ``time.monotonic()`` stamp at the left edge of the timeline.
    """
    verdict = "".join(f"<li>{escape(sentence)}</li>" for sentence in bad)
    page = Template(Path(__file__).with_name("report.html").read_text()).substitute(
        engine=escape(engine),
        verdict=f"<ul>{verdict}</ul>" if bad else f"<p>{escape(ALL_WELL)}</p>",
        tone="bad" if bad else "good",
        timeline=_svg(timeline(began, clients, episodes)),
        closeups=_svg(closeups(clients, episodes, lines)) if episodes else "",
        head="".join(f"<th>{escape(heading)}</th>" for heading in _HEADINGS),
        rows="".join(_html_row(line) for line in lines),
    )
    path = folder / "index.html"
    path.write_text(page)
    return path


def timeline(began: float, clients: Sequence[Client], episodes: Sequence[Episode]) -> Figure:
    """Draw commits per step by server over the whole time, one panel per client."""
    figure = Figure(figsize=(14, 6.2), layout="constrained")
    panels: list[Axes] = figure.subplots(len(clients), 1, sharex=True, sharey=True, squeeze=False)[
        :, 0
    ].tolist()
    ended = max(event.at for client in clients for event in client.events)
    colours = _server_colours(clients)
    for axes, client in zip(panels, clients, strict=True):
        _stack(axes, client.events, "write", began, (0, ended - began), colours)
        axes.set_title(client.title, loc="left", fontweight="bold")
        axes.set_ylabel("commits per 100 ms")
        for episode in episodes:
            _mark(axes, episode.at - began, episode.until - began)
        for restart in client.restarts:
            axes.axvline(restart - began, color="#555555", linestyle=":", linewidth=1.2)
            axes.annotate(
                "stuck: started anew",
                (restart - began, 0.96),
                xycoords=("data", "axes fraction"),
                xytext=(-4, 0),
                textcoords="offset points",
                ha="right",
                va="top",
                fontsize=8,
                color="#555555",
            )
    for episode in episodes:
        panels[0].annotate(
            f"{episode.fault.title}\n({episode.server})",
            (episode.at - began, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            va="bottom",
            fontsize=9,
            color=_FAULT,
        )
    panels[0].set_title(clients[0].title, loc="left", fontweight="bold", pad=34)
    panels[-1].set_xlabel("seconds")
    figure.legend(
        handles=[
            *(Patch(color=colour, label=server) for server, colour in colours.items()),
            Patch(color=_FAULT_SPAN, label="from a fault until the cluster is healed"),
        ],
        loc="outside lower center",
        ncols=len(colours) + 1,
        frameon=False,
    )
    return figure


def closeups(
    clients: Sequence[Client], episodes: Sequence[Episode], lines: Sequence[Line]
) -> Figure:
    """Draw the seconds around each fault: commits, or reads where readers are concerned."""
    figure = Figure(figsize=(14, 5), layout="constrained")
    grid = figure.subplots(len(clients), len(episodes), sharex=True, sharey="col", squeeze=False)
    colours = _server_colours(clients)
    for column, episode in enumerate(episodes):
        role = episode.fault.role
        for row, client in enumerate(clients):
            axes: Axes = grid[row, column]
            _stack(axes, client.events, role, episode.at, (-_BEFORE, _AFTER), colours)
            axes.axvline(0, color=_FAULT, linewidth=1.5)
            errors = [
                event.at - episode.at
                for event in client.events
                if event.error and event.role == role and 0 <= event.at - episode.at < _AFTER
            ]
            axes.plot(
                errors,
                [0.93] * len(errors),
                "x",
                color=_FAULT,
                markersize=4,
                alpha=0.6,
                transform=axes.get_xaxis_transform(),
            )
            line = next(
                known
                for known in lines
                if (known.client, known.period) == (client.title, episode.fault.title)
            )
            what = "commits" if role == "write" else "reads"
            axes.set_title(f"{what}, longest wait: {_longest(line)}", fontsize=9)
            if row == 0:
                axes.annotate(
                    episode.fault.title,
                    (0.5, 1.0),
                    xycoords="axes fraction",
                    xytext=(0, 24),
                    textcoords="offset points",
                    ha="center",
                    fontweight="bold",
                )
            if column == 0:
                axes.set_ylabel(f"{client.title}\nper 100 ms", fontweight="bold")
        grid[-1, column].set_xlabel("seconds after the fault")
    return figure


def _stack(
    axes: Axes,
    events: Iterable[Event],
    role: Role,
    zero: float,
    span: tuple[float, float],
    colours: dict[str, str],
) -> None:
    edges: FloatArray = np.arange(span[0], span[1] + BIN, BIN)
    good = [event for event in events if event.kind in SUCCESSES and event.role == role]
    base: FloatArray = np.zeros(len(edges) - 1)
    for server, colour in colours.items():
        stamps = [event.at - zero for event in good if event.server == server]
        top = base + np.histogram(stamps, edges)[0]
        axes.stairs(top, edges, baseline=base, fill=True, color=colour, zorder=2)
        base = top
    axes.set_xlim(*span)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.spines[["top", "right"]].set_visible(False)


def _mark(axes: Axes, at: float, until: float) -> None:
    axes.axvspan(at, until, color=_FAULT_SPAN, linewidth=0, zorder=0)
    axes.axvline(at, color=_FAULT, linewidth=1.5, zorder=3)


def _server_colours(clients: Sequence[Client]) -> dict[str, str]:
    servers = {event.server for client in clients for event in client.events if event.server}
    return dict(zip(sorted(servers), _COLOURS, strict=False))


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    with rc_context({"svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(out, format="svg")
    text = out.getvalue()
    return text[text.index("<svg") :]


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.period,
        line.client,
        _seconds(line.heard),
        _seconds(line.resumed),
        _longest(line),
        _seconds(line.bound),
        str(line.acknowledged),
        str(line.found),
        str(line.doubled),
        str(line.lost),
        str(line.ghosts),
        "\n".join(f"{count} {name}" for name, count in line.errors.most_common()),
    )


def _longest(line: Line) -> str:
    if line.longest is None and line.watched:
        return f"not within {line.watched:.0f} s"
    return _seconds(line.longest)


def _html_row(line: Line) -> str:
    tone = "" if line.within_bound and not (line.lost or line.doubled or line.ghosts) else "bad"
    cells = "".join(f"<td>{escape(cell).replace(chr(10), '<br>')}</td>" for cell in _cells(line))
    return f'<tr class="{tone}">{cells}</tr>\n'


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"
