"""What was measured, as Markdown tables and a chart."""

import os
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from tests.bench.wrk import Measurement

Rounds = Mapping[tuple[str, int], Sequence[Measurement]]
"""The rounds of each contender at each number of connections."""

_COLOURS = {"ceiling": "#9aa0a6", "service": "#1a73e8", "plain": "#d93025"}


def machine() -> str:
    """Where it was measured, in a line."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; "
        "server and wrk on the same machine"
    )


def comparison_table(rounds: Rounds, memory: Mapping[str, float]) -> str:
    """Contenders side by side: medians, and in brackets the spread from worst to best round."""
    lines = [
        "| connections | contender | requests/s | p50 ms | p99 ms | errors | of the ceiling |"
        " times plain |",
        "|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for (contender, connections), measured in sorted(rounds.items(), key=lambda item: item[0][::-1]):
        rate = _rate(measured)
        ceiling = _rate(rounds["ceiling", connections])
        plain = _rate(rounds["plain", connections])
        worst, best = min(m.rate for m in measured), max(m.rate for m in measured)
        lines.append(
            f"| {connections} | {contender} | {rate:,.0f} ({worst:,.0f}–{best:,.0f})"
            f" | {median(m.p50 for m in measured):,.1f} | {median(m.p99 for m in measured):,.1f}"
            f" | {sum(m.errors for m in measured)} | {rate / ceiling:.2f} | {rate / plain:.1f} |"
        )
    kept = ", ".join(f"{contender} {mebibytes:.0f} MiB" for contender, mebibytes in memory.items())
    return "\n".join([*lines, "", f"Memory at the end of a round: {kept}."])


def growth_table(growth: Mapping[int, Mapping[str, Sequence[Measurement]]]) -> str:
    """Each kind of request at each size of the database: requests a second, and p50."""
    [first, *_] = growth
    kinds = list(growth[first])
    header = "".join(f" {kind}: requests/s | p50 ms | of empty |" for kind in kinds)
    lines = [f"| stored interactions |{header}", "|--:|" + "--:|--:|--:|" * len(kinds)]
    for size, measured in growth.items():
        cells = []
        for kind in kinds:
            p50, empty = _p50(measured[kind]), _p50(growth[first][kind])
            cells.append(f" {_rate(measured[kind]):,.0f} | {p50:.2f} | {p50 / empty:.2f} |")
        lines.append(f"| {size:,} |" + "".join(cells))
    return "\n".join(lines)


def chart(rounds: Rounds) -> str:
    """Requests a second over connections, as an SVG picture."""
    width, height, left, bottom = 640, 360, 70, 50
    steps = sorted({connections for _, connections in rounds})
    top = max(_rate(measured) for measured in rounds.values()) * 1.05

    def x(connections: int) -> float:
        return left + (width - left - 110) * steps.index(connections) / max(1, len(steps) - 1)

    def y(rate: float) -> float:
        return 20 + (height - bottom - 20) * (1 - rate / top)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for rate in range(0, int(top) + 1, 1000):
        parts.append(
            f'<line x1="{left}" x2="{width - 110}" y1="{y(rate):.1f}" y2="{y(rate):.1f}" '
            'stroke="#e8eaed"/>'
            f'<text x="{left - 8}" y="{y(rate) + 4:.1f}" text-anchor="end">{rate:,}</text>'
        )
    for connections in steps:
        parts.append(
            f'<text x="{x(connections):.1f}" y="{height - bottom + 18}" text-anchor="middle">'
            f"{connections}</text>"
        )
    for contender, colour in _COLOURS.items():
        points = [(x(step), y(_rate(rounds[contender, step]))) for step in steps]
        line = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>' for px, py in points]
        last_x, last_y = points[-1]
        parts.append(
            f'<text x="{last_x + 8:.1f}" y="{last_y + 4:.1f}" fill="{colour}">{contender}</text>'
        )
    parts.append(
        f'<text x="{(left + width - 110) / 2}" y="{height - 12}" text-anchor="middle">'
        "connections</text>"
        f'<text x="16" y="{(height - bottom) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {(height - bottom) / 2})">POST /interaction a second</text></svg>'
    )
    return "\n".join(parts) + "\n"


def write_chart(rounds: Rounds, path: Path) -> None:
    """Draw the chart into a file."""
    path.write_text(chart(rounds), encoding="utf-8")


def _rate(measured: Sequence[Measurement]) -> float:
    return median(m.rate for m in measured)


def _p50(measured: Sequence[Measurement]) -> float:
    return median(m.p50 for m in measured)
