"""What a summary is put together of: headings, lists, tables and folds in HTML, bounded in size. Pure.

What is not ours stands in `<code>`, `<samp>` or `<pre>`: elsewhere GitHub's renderer makes links of what looks like a
mail address, and its filters make mentions of names, even where the characters are written as entities.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, TypeVar

from ztpurge.untrusted import for_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")
LIST_BYTES = 60 * 1024  # of one list; GitHub shows nothing of a summary of 1 MiB
_SHOWN = 10
_BAR = "▏▎▍▌▋▊▉█"


def code(text: str, *, limit: int = 2000) -> str:
    """Return a text from outside as it is, in one line."""
    return f"<code>{for_html(text, limit=limit)}</code>" if text else ""


def words(text: str) -> str:
    """Return a sentence of our own, its names of inputs as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text, quote=False))


def items(lines: Iterable[str]) -> str:
    """Return a list of lines of HTML."""
    return "\n".join(["<ul>", *(f"<li>{line}</li>" for line in lines), "</ul>\n"])


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, unwrapped: frozenset[str] = frozenset()) -> str:
    """Return a table of cells of HTML, in which the columns of `unwrapped` stay on one line."""
    titles = "".join(f"<th>{name}</th>" for name in head)
    opened = ["<td nowrap>" if name in unwrapped else "<td>" for name in head]
    body = (f"<tr>{''.join(f'{td}{cell}</td>' for cell, td in zip(row, opened, strict=True))}</tr>" for row in rows)
    return "\n".join(["<table>", f"<tr>{titles}</tr>", *body, "</table>\n"])


def details(title: str, content: str, *, is_open: bool = False) -> str:
    """Return content, in HTML, that can be folded away under a title, in HTML; nothing if there is none."""
    state = " open" if is_open else ""
    return f"<details{state}><summary>{title}</summary>\n\n{content}</details>\n" if content else ""


def title(text: str) -> str:
    """Return the heading, in HTML, of what follows."""
    return f"<p><b>{text}</b></p>\n"


def listed(lines: Sequence[str], *, rest: str = "", budget: int = LIST_BYTES, left: int = 0) -> str:
    """Return texts from outside, a line each, while they fit into so many bytes; `rest` says where the others are.

    So many are `left` out already.
    """
    shown, unfit = within(for_html, lines, budget)
    left += unfit
    more = f"\n… and {left:,} more{rest}" if left else ""
    return f"<pre>{chr(10).join(shown)}{more}</pre>\n" if lines else ""


def details_of(heading: str, lines: Sequence[str], *, rest: str, is_open: bool = False) -> str:
    """Return texts from outside, a line each, that can be folded away under a heading with their number."""
    return details(f"{heading} ({len(lines):,})", listed(lines, rest=rest), is_open=is_open)


def first(lines: Sequence[str], *, rest: str) -> str:
    """Return a list of the first lines of HTML, and how many there are besides."""
    more = [f"and {len(lines) - _SHOWN:,} more{rest}"] if len(lines) > _SHOWN else []
    return items([*lines[:_SHOWN], *more])


def within(render: Callable[[T], str], things: Sequence[T], budget: int) -> tuple[list[str], int]:
    """Render things while they fit into so many bytes; also return how many were left."""
    kept: list[str] = []
    for line in map(render, things):
        budget -= len(line.encode()) + 1
        if budget <= 0:
            break
        kept.append(line)
    return kept, len(things) - len(kept)


def bar(start: float, end: float, whole: float, *, width: int) -> str:
    """Return a bar of block characters from `start` to `end` of a `whole`, at least a hair wide."""
    scale = width / whole if whole else 0.0
    before = min(int(start * scale), width - 1)
    eighths = max(1, round((end * scale - before) * 8))
    full, part = divmod(min(eighths, (width - before) * 8), 8)
    drawn = " " * before + "█" * full + (_BAR[part - 1] if part else "")
    return drawn.ljust(width)


def share(part: int, whole: int, *, width: int = 10) -> str:
    """Return how much of a whole a part is, as a bar of so many blocks and in percent, never rounded up to all."""
    percent = int(100 * part / whole) if whole else 100
    filled = int(width * part / whole) if whole else width
    return f"{'█' * filled}{'░' * (width - filled)}&nbsp;{percent}&nbsp;%"
