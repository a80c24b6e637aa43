"""The proxies that the environment names: whether they can be read, and the credentials in them.

They are used by `transport.py`. An error never quotes one, since it may hold a password.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_VARIABLES = (*_NAMES, *map(str.lower, _NAMES))
_CREDENTIALS = re.compile(r"(?:[^:/?#@]*://)?(?P<name>[^:]*?)(?::(?P<password>.*))?@[^@]*", re.DOTALL)


def check_proxies(environ: Mapping[str, str]) -> Iterator[ZtpurgeError]:
    """Yield an error for each variable that names no proxy, without a word of what it holds."""
    for variable in _VARIABLES:
        value = environ.get(variable, "").strip()
        if value and not _is_proxy(value):
            yield ZtpurgeError(
                "it is not the address of a proxy",
                remedy="Write it as http://host:port; in a name and password before it, percent-encode all but "
                "letters and digits",
                place=variable,
            )


def read_credentials(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the name and password of each proxy that has them, as they are written and decoded; a lone one as both."""
    for variable in _VARIABLES:
        found = _CREDENTIALS.fullmatch(environ.get(variable, "").strip())
        if found:
            name, password = found["name"], found["password"] or found["name"]
            yield from {(name, password), (unquote(name), unquote(password))}


def _is_proxy(value: str) -> bool:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        return bool(parts.hostname) and parts.port != 0 and not re.search(r"[\s\x00-\x1f\x7f]", value)
    except ValueError:
        return False
