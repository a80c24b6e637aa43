"""Figures <-> the tables of `docs/performance.md`, which are the one place where the values stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.measuring import Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchmarks.measuring import Figure

BEGIN, END = "<!-- `make bench` writes what follows -->", "<!-- until here -->"
_ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<value>[0-9,.]+)(?: [A-Za-z]+)? \|", re.MULTILINE)
_TOO_MUCH = 2


def put_between(page: str, tables: str) -> str:
    """Return the page with other tables."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def render(figures: Iterable[Figure | Skipped]) -> str:
    """Return a table with a row a figure: its median, and the least and the most of its rounds."""
    return "\n".join(("| | median | rounds |", "|---|---|---|", *map(_row, figures)))


def parse(page: str) -> dict[str, float]:
    """Return the medians of a page by what was measured."""
    tables = page.partition(BEGIN)[2].partition(END)[0]
    return {row["what"]: float(row["value"].replace(",", "")) for row in _ROW.finditer(tables)}


def too_much(measured: Iterable[Figure | Skipped], recorded: Mapping[str, float]) -> Iterator[str]:
    """Yield what is wrong with figures that are held to the page: one is twice its value there, or has none."""
    for figure in measured:
        if isinstance(figure, Skipped) or not figure.is_held:
            continue
        if figure.what not in recorded:
            yield f"{figure.what}: docs/performance.md has no such row; `make bench` writes it"
        elif figure.median >= _TOO_MUCH * recorded[figure.what]:
            yield f"{figure.what}: {show(figure.median)}, and in docs/performance.md {show(recorded[figure.what])}"


def show(value: float) -> str:
    """Return a value with three digits that count, at least."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}"


def _row(figure: Figure | Skipped) -> str:
    if isinstance(figure, Skipped):
        return f"| {figure.what} | not measured: {figure.why} | |"
    spread = f"{show(min(figure.values))} - {show(max(figure.values))}" if len(figure.values) > 1 else "once"
    return f"| {figure.what} | {show(figure.median)}{f' {figure.unit}' if figure.unit else ''} | {spread} |"
