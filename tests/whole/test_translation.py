"""README.zh-CN.md says what README.md says: headings, tables, examples, links and names are equal, in that order."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.tables import cases

if TYPE_CHECKING:
    from collections.abc import Callable

TOP = Path(__file__).resolve().parents[2]
PAGES = [(TOP / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")]
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def headings(page: str) -> list[str]:
    return re.findall(r"^#+", FENCE.sub("", page), re.MULTILINE)


def examples(page: str) -> list[str]:
    return [re.sub(r" # (?!v\d).*", "", fence) for fence in FENCE.findall(page)]


def names(text: str) -> Counter[str]:
    """Count what is no word of a language: code, and numbers outside it."""
    return Counter(re.findall(r"`[^`]+`|\d+", text))


def rows(page: str) -> list[list[Counter[str]]]:
    """Return of each row of each table what its cells name: an input, its default, what is said of it."""
    return [[names(cell) for cell in line.split("|")] for line in re.findall(r"^\|.*\|$", page, re.MULTILINE)]


def paragraphs(page: str) -> list[Counter[str]]:
    return [names(text) for text in re.split(r"\n\n|\n(?=- )", FENCE.sub("", page)) if not text.startswith("|")]


def links(page: str) -> list[str]:
    """Return where links and pictures lead, less the first link, which is to the other language."""
    return re.findall(r"\]\([^()]+\)|(?:src|srcset)=\"[^\"]+\"", page)[1:]


@cases("part", {part.__name__: part for part in (headings, examples, rows, paragraphs, links)})
def test_the_two_say_the_same(part: Callable[[str], list[object]]) -> None:
    english, chinese = map(part, PAGES)
    assert english
    assert chinese == english
