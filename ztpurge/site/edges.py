"""What a site says of its edges: `all` that the host's name has, `one` of them, or addresses and names. Pure."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from typing import Final

from ztpurge.errors import ZtpurgeError
from ztpurge.site.urls import host_of, parse_url

ALL: Final = ("all",)
ONE: Final = ("one",)


def parse_edge(text: str) -> str:
    """Read an edge's IP address or its name, or `all` or `one` for those that a host's own name has."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text
    with contextlib.suppress(ValueError):
        if "%" not in bare:  # a zone, which is this machine's own
            return str(ipaddress.ip_address(bare))
    top = "http://"
    with contextlib.suppress(ZtpurgeError):
        url = parse_url(top + text)
        if url == f"{top}{host_of(url)}/" and "/" not in text and not re.fullmatch(r"[0-9.]+", text):
            return host_of(url)
    raise ZtpurgeError(
        "it is neither an address nor a name", remedy="Write `all`, `one`, or addresses and names, without port or path"
    )
