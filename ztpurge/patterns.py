"""Patterns over paths, by the rules of .gitignore; `pathspec` does the work and is imported only if there are any."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    import pathspec


@dataclass(frozen=True, slots=True)
class Patterns:
    """A list of patterns; the last one that matches decides, and one that begins with `!` takes back."""

    lines: tuple[str, ...]
    _spec: pathspec.GitIgnoreSpec

    def match(self, path: str) -> bool:
        """Say whether the list matches `path`, relative and with `/`."""
        # pathspec's expressions treat LF as the end of the name; NUL, which no name holds, is an ordinary character
        return self._spec.match_file(path.replace("\n", "\0"))


def parse_patterns(lines: tuple[str, ...]) -> Patterns | None:
    """Compile patterns, None if there are none but comments; raise ZtpurgeError for one that cannot be read."""
    if all(line.startswith("#") for line in lines):
        return None
    with warnings.catch_warnings():
        # `[[a]`, `[a--b]`: `re` warns that they may mean something else one day
        warnings.simplefilter("ignore", FutureWarning)
        return Patterns(lines, _compile(lines))


def _compile(lines: tuple[str, ...]) -> pathspec.GitIgnoreSpec:
    import pathspec  # noqa: PLC0415 - 30 ms that a run without patterns need not pay

    for line in lines:
        if "[[:" in line:
            raise ZtpurgeError(f"`{line}` holds a class by name", remedy="Write the characters, as [a-z]")
        try:
            pathspec.GitIgnoreSpec.from_lines([line])
        except (ValueError, re.error) as error:
            raise ZtpurgeError(f"`{line}` is not a pattern of .gitignore") from error
    return pathspec.GitIgnoreSpec.from_lines(lines)
