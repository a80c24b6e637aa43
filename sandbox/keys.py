"""What the CDN caches by: a host and the bytes of path and query, never normalised."""

import re
from dataclasses import dataclass

_URL = re.compile(r"https?://(?P<authority>[^/?#]+)(?P<target>.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Key:
    """One cached object: host in lower case without port, and path with query as sent."""

    host: str
    target: bytes


def without_port(authority: str) -> str:
    """Cut off the port; the case stays."""
    return authority.partition(":")[0]


def split_url(url: str) -> tuple[str, bytes]:
    """Split an http(s) URL into its host as written, port included, and the bytes of its path and query."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(f"{url!r} is not an http or https URL")
    target: str = found["target"]
    if not target.startswith("/"):
        target = "/" + target
    return found["authority"], target.encode("utf-8", "surrogatepass")


def key_of(authority: str, target: bytes) -> Key:
    """Return the key under which the edge keeps what it was asked for."""
    return Key(without_port(authority).lower(), target)


def key_of_url(url: str) -> Key:
    """Return the key of a whole URL; http and https share it."""
    return key_of(*split_url(url))
