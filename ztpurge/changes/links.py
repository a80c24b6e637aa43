"""Symbolic links of a commit -> those that lead to what changed, and so serve it under another name. Pure."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MOST_HOPS = 40  # as Linux has it


def links_to(changed: Iterable[str], links: Mapping[str, str | None]) -> Iterator[tuple[str, bool]]:
    """Yield each link that leads to a changed path or to a folder above one, and whether it leads to the path itself.

    `links`: what each says by its path; one that says nothing that is known may lead anywhere.
    """
    names = set(changed)
    touched = {folder for path in names for folder in _above(path)}
    targets = {path: _resolve(_target(path, said), links) for path, said in links.items()}
    left = dict(targets)
    while True:
        found = [path for path, target in left.items() if target is None or target in touched or target in names]
        if not found:
            return
        for path in found:
            yield path, left.pop(path) in names
            touched.update(_above(path))
            names.add(path)


def _target(path: str, said: str | None) -> str | None:
    """Return the path that a link leads to, empty for the repository's top; it may lead out of it."""
    if said is None:
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), said))
    return "" if target == "." else target


def _resolve(target: str | None, links: Mapping[str, str | None]) -> str | None:
    """Follow the links among the folders on the way."""
    for _ in range(_MOST_HOPS):
        through = next((folder for folder in _above(target or "") if folder and folder in links), None)
        if target is None or through is None:
            return target
        onward = _target(through, links[through])
        target = None if onward is None else posixpath.normpath(posixpath.join(onward, target[len(through) + 1 :]))
    return target


def _above(path: str) -> Iterator[str]:
    while path and path != "/":
        path = posixpath.dirname(path)
        yield path
