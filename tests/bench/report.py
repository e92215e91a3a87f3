"""Formats measurements as Markdown tables and a chart."""

import os
import platform
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

from tests.bench.contenders import CEILING, CHECKED_CEILING
from tests.bench.trials import Trials
from tests.bench.wrk import Measurement

_COLOURS = {
    CEILING: "#5f6368",
    "service": "#1a73e8",
    "service with limits": "#188038",
    "plain": "#d93025",
    "service, PostgreSQL": "#a142f4",
    "plain, PostgreSQL": "#f9ab00",
}
_SVG = "http://www.w3.org/2000/svg"
_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 130, 20, 50


def machine() -> str:
    """The date, the machine and the versions, in one line."""
    return (
        f"{datetime.now(UTC).date()}: "
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; "
        "server and wrk on the same machine"
    )


def comparison_table(trials: Trials, memory: Mapping[str, float]) -> str:
    """Contenders compared: medians, and in brackets the range from worst to best round."""
    lines = [
        (
            "| connections | | requests/s | p50 ms | p99 ms | CPU µs | errors | of ceiling"
            " | of ceiling with our check | times plain |"
        ),
        "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for contender, connections in sorted(trials, key=lambda trial: trial[::-1]):
        measured = trials[contender, connections]
        rate = _rate(measured)
        ceiling = _rate(trials[CEILING, connections])
        checked = _rate(trials[CHECKED_CEILING, connections])
        plain = _rate(
            trials["plain, PostgreSQL" if "PostgreSQL" in contender else "plain", connections]
        )
        worst, best = min(m.rate for m in measured), max(m.rate for m in measured)
        lines.append(
            f"| {connections} | {contender} | {rate:,.0f} ({worst:,.0f} to {best:,.0f})"
            f" | {_p50(measured):,.1f} | {_p99(measured):,.1f} | {_cpu(measured):,.0f}"
            f" | {sum(m.errors for m in measured)} | {rate / ceiling:.2f}"
            f" | {rate / checked:.2f} | {rate / plain:.1f} |"
        )
    sizes = ", ".join(f"{contender} {mebibytes:.0f} MiB" for contender, mebibytes in memory.items())
    return "\n".join([*lines, "", f"Memory at the end of a round: {sizes}."])


def pages_table(trials: Trials) -> str:
    """Pages of a lead's interactions: the service compared with the ceiling."""
    lines = [
        (
            "| connections | GET of 5 interactions | requests/s | p50 ms | p99 ms | CPU µs"
            " | of ceiling |"
        ),
        "|--:|---|--:|--:|--:|--:|--:|",
    ]
    for contender, connections in sorted(trials, key=lambda trial: trial[::-1]):
        measured = trials[contender, connections]
        rate = _rate(measured)
        lines.append(
            f"| {connections} | {contender} | {rate:,.0f} | {_p50(measured):.1f}"
            f" | {_p99(measured):.1f} | {_cpu(measured):,.0f}"
            f" | {rate / _rate(trials[CEILING, connections]):.2f} |"
        )
    return "\n".join(lines)


def memory_table(memory: Mapping[int, float]) -> str:
    """Memory by the number of requests served."""
    lines = ["| requests served | memory MiB |", "|--:|--:|"]
    return "\n".join(lines + [f"| {count:,} | {size:.0f} |" for count, size in memory.items()])


def staff_table(staff: Mapping[tuple[str, int], float]) -> str:
    """Requests of staff and admins at each size of the database: the median milliseconds."""
    kinds = list(dict.fromkeys(kind for kind, _ in staff))
    lines = [
        "| stored interactions |" + "".join(f" {kind} ms |" for kind in kinds),
        "|--:|" + "--:|" * len(kinds),
    ]
    for size in dict.fromkeys(size for _, size in staff):
        cells = "".join(f" {staff[kind, size]:.1f} |" for kind in kinds)
        lines.append(f"| {size:,} |{cells}")
    return "\n".join(lines)


def growth_table(trials: Trials) -> str:
    """Each kind of request at each size of the database: requests a second and p50."""
    kinds = list(dict.fromkeys(kind for kind, _ in trials))
    sizes = list(dict.fromkeys(size for _, size in trials))
    lines = [
        "| stored interactions |"
        + "".join(f" {kind}: 1/s | p50 ms | of empty |" for kind in kinds),
        "|--:|" + "--:|--:|--:|" * len(kinds),
    ]
    for size in sizes:
        cells = (
            f" {_rate(trials[kind, size]):,.0f} | {_p50(trials[kind, size]):.2f}"
            f" | {_p50(trials[kind, size]) / _p50(trials[kind, sizes[0]]):.2f} |"
            for kind in kinds
        )
        lines.append(f"| {size:,} |" + "".join(cells))
    return "\n".join(lines)


def chart(trials: Trials) -> str:
    """Requests per second by number of connections, as SVG."""
    steps = sorted({connections for _, connections in trials})
    scale = _Scale(steps, max(_rate(measured) for measured in trials.values()) * 1.05)
    return "\n".join(
        [
            f'<svg xmlns="{_SVG}" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            *_axes(scale),
            *(
                _line(scale, contender, colour, [_rate(trials[contender, step]) for step in steps])
                for contender, colour in _COLOURS.items()
            ),
            "</svg>\n",
        ]
    )


class _Scale(NamedTuple):
    """Maps values to positions in the chart."""

    steps: Sequence[int]
    top: float

    def x(self, step: int) -> float:
        span = _WIDTH - _LEFT - _RIGHT
        return _LEFT + span * self.steps.index(step) / max(1, len(self.steps) - 1)

    def y(self, rate: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - rate / self.top)


def _axes(scale: _Scale) -> Iterator[str]:
    for rate in range(0, int(scale.top) + 1, 1000):
        y = scale.y(rate)
        yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#e8eaed"/>'
        yield _text(_LEFT - 8, y + 4, f"{rate:,}", anchor="end")
    for step in scale.steps:
        yield _text(scale.x(step), _HEIGHT - _BOTTOM + 18, str(step))
    title = "POST /interaction: requests per second by number of connections"
    yield _text(_WIDTH / 2, _HEIGHT - 10, title)


def _line(scale: _Scale, contender: str, colour: str, rates: Sequence[float]) -> str:
    points = [(scale.x(step), scale.y(rate)) for step, rate in zip(scale.steps, rates, strict=True)]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    x, y = points[-1]
    return f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>' + _text(
        x + 8, y + 4, contender, anchor="start", colour=colour
    )


def _text(x: float, y: float, text: str, *, anchor: str = "middle", colour: str = "black") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" text-anchor="{anchor}" fill="{colour}">'
        f"{text}</text>"
    )


def _rate(measured: Sequence[Measurement]) -> float:
    return median(m.rate for m in measured)


def _cpu(measured: Sequence[Measurement]) -> float:
    return median(m.cpu for m in measured)


def _p50(measured: Sequence[Measurement]) -> float:
    return median(m.p50 for m in measured)


def _p99(measured: Sequence[Measurement]) -> float:
    return median(m.p99 for m in measured)
