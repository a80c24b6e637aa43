"""Where the edge that answered says it is, so that what several of them said can be told apart. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ztpurge.edge.fields import split_list

if TYPE_CHECKING:
    from collections.abc import Mapping

# what names a city or an airport first, what may be but a product's name last; of each header the member that is
# nearest to the client, which stands last
_SAID = {
    "cf-ray": re.compile(r".+-(?P<place>.+)"),
    "x-amz-cf-pop": re.compile(r"(?P<place>.+)"),
    "x-served-by": re.compile(r"(cache-.+-)?(?P<place>.+)"),  # Fastly: a machine, then the airport
    # RFC 9211: a token or a string, and what became of the request; without that it is a cache's own `HIT`
    "cache-status": re.compile(r'(?P<quote>"?)(?P<place>[^"\\]{1,64}?)(?P=quote)\s*;.*'),
    "via": re.compile(r"(([A-Za-z]+/)?[0-9.]+\s+)?(?P<place>\S+).*"),  # RFC 9110, 7.6.3
}
_COMMENT = re.compile(r"\([^()]*\)|\[[^][]*\]")  # Tengine and others put commas into brackets
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/ -]{0,63}")


def place_of(headers: Mapping[str, str]) -> str:
    """Return where the edge that answered says it is, as short as it can be told; empty if it does not.

    `headers`: names in lower case, values as they were sent. A place is at most 64 letters, digits, spaces and `._:/-`,
    whatever was sent; secrets are not looked for.
    """
    for name, said in _SAID.items():
        value = headers.get(name, "")
        members = split_list(_COMMENT.sub("", value) if name == "via" else value)
        found = said.fullmatch(members[-1]) if members else None
        if found and _SAFE.fullmatch(found["place"]):
            return found["place"]
    return ""
