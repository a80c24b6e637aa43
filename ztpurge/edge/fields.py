"""Headers that are lists (RFC 9110, 5.6.1), taken apart: edges and what stands before them add a member each. Pure."""

from __future__ import annotations

import re

_MEMBER = re.compile(r'(?:[^,"]++|"(?:[^"\\]++|\\.?)*+(?:"|\Z))+')


def split_list(value: str) -> list[str]:
    """Return the members of a list, without empty ones; a comma in a quoted string, closed or not, parts nothing."""
    return [member for found in _MEMBER.findall(value) if (member := found.strip())]
