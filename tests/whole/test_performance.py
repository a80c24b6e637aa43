"""The tables of docs/performance.md are read as they are written, and hold the short form to their values."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measuring import Figure, Skipped
from benchmarks.page import BEGIN, END, parse, put_between, render, too_much
from tests.tables import cases

PAGE = Path(__file__).resolve().parents[2] / "docs/performance.md"
EMPTY = f"# Page\n\n| no figure | 7.00 |\n\n{BEGIN}\nold\n{END}\n\nMore\n"
WORDS = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs"), exclude_characters="|"), min_size=1)
VALUES = st.lists(st.floats(0.01, 1e7), min_size=1, max_size=5).map(tuple)


@given(what=WORDS.map(str.strip).filter(bool), values=VALUES, unit=st.sampled_from(["", "ms", "MB"]))
def test_a_value_is_read_from_its_row(what: str, values: tuple[float, ...], unit: str) -> None:
    figure = Figure(what, values, unit)
    read = parse(put_between(EMPTY, render([figure, Skipped("another", "no Docker engine answers")])))
    assert list(read) == [what]
    assert abs(read[what] - figure.median) <= max(0.0051, figure.median / 200)


def test_the_rest_of_the_page_stays() -> None:
    once = put_between(EMPTY, render([Figure("a", (1.0,))]))
    assert put_between(once, "new") == EMPTY.replace("old", "\nnew\n")


@cases(
    "figure says",
    {
        "as it was": (Figure("calls", (1.1,)), ""),
        "just under twice": (Figure("calls", (2.19,)), ""),
        "twice": (Figure("calls", (2.2,)), "calls: 2.20, and in docs/performance.md 1.10"),
        "less is never too much": (Figure("calls", (0.1,)), ""),
        "one slow round of three": (Figure("calls", (1.0, 9.0, 1.1)), ""),
        "a figure that swings is held to nothing": (Figure("calls", (9.0,), is_held=False), ""),
        "what could not be measured": (Skipped("calls", "curl is not installed"), ""),
        "no row": (Figure("looks", (1.0,)), "looks: docs/performance.md has no such row; `make bench` writes it"),
    },
)
def test_twice_its_value_is_too_much(figure: Figure | Skipped, says: str) -> None:
    assert "".join(too_much([figure], {"calls": 1.1})) == says


def test_the_page_has_figures() -> None:
    assert len(parse(PAGE.read_text(encoding="utf-8"))) > 50
