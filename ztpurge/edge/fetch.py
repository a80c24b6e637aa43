"""Door to the CDN's edges: fetches a URL as a browser would.

No cache-busting, no API token, no cookies; no redirect is followed here. How the body is compared is the business of
`comparison.py`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ztpurge import __version__
from ztpurge.calls.transport import make_session, receive
from ztpurge.edge.compare import COMPRESSIONS, compare, parse_count
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from ztpurge.calls.redaction import Secrets
    from ztpurge.calls.transport import Incoming
    from ztpurge.changes.contents import Content

_EVIDENCE = {"age": "Age", "x-cache": "X-Cache", "via": "Via", "etag": "ETag", "last-modified": "Last-Modified"}
_HEADERS = {
    "User-Agent": f"Mozilla/5.0 (compatible; ztpurge/{__version__})",
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate",
}


@dataclass(frozen=True, slots=True)
class Look:
    """What an edge served: `is_match` if it was the expected content, `said` what it told of itself.

    `location`: where a redirect points. `unread`: the compression that could not be undone. `small`: a matching body
    of less than 1024 bytes. `is_too_long`: the file's size is not known, and the body is more than is kept. `age`: how
    many seconds ago the origin gave it.
    """

    status: int
    is_match: bool = False
    said: tuple[tuple[str, str], ...] = ()
    location: str = ""
    unread: str = ""
    small: bytes = b""
    is_too_long: bool = False
    retry_after: str | None = None
    age: int | None = None


class Edges:
    """The edges, each host's with its own few connections."""

    def __init__(self, environ: Mapping[str, str], secrets: Secrets) -> None:
        self._environ = environ
        self._secrets = secrets
        self._lock = threading.Lock()
        self._sessions: dict[str, requests.Session] = {}

    def look(self, url: str, expected: Content | None, timeout: float) -> Look:
        """Fetch a URL as it is spelled, within `timeout` seconds, and compare its body, None: look at the status alone.

        Raises ApiError if there is no whole answer.
        """
        with receive(self._session(url), url, headers=_HEADERS, timeout=timeout, secrets=self._secrets) as answer:
            encoding = _encoding(answer.headers.get("content-encoding", ""))
            # RFC 9112 6.3: what is sent in chunks is as long as they are, whatever else is announced
            announced = "" if "transfer-encoding" in answer.headers else answer.headers.get("content-length", "")
            served = compare(answer.chunks, expected if answer.status == 200 else None, encoding, announced)
            return Look(
                answer.status,
                is_match=served.is_match,
                said=_evidence(answer, self._secrets),
                location=_location(answer),
                unread="" if encoding in {"", *COMPRESSIONS} else self.shown(encoding, limit=40),
                small=served.small,
                is_too_long=served.is_too_long,
                retry_after=answer.headers.get("retry-after"),
                age=parse_count(answer.headers.get("age", "")),
            )

    def shown(self, text: str, *, limit: int) -> str:
        """Return what an edge said as everybody may read it."""
        return for_log(self._secrets.redact(text), limit=limit)

    def _session(self, url: str) -> requests.Session:
        origin = "{0.scheme}://{0.netloc}/".format(urlsplit(url))
        with self._lock:
            if origin not in self._sessions:
                self._sessions[origin] = make_session(origin, self._environ)
            return self._sessions[origin]


def _encoding(header: str) -> str:
    """Return the codings of a Content-Encoding, a list whose case is no matter; `identity` stands for none."""
    codings = (coding.strip().lower() for coding in header.split(","))
    return ", ".join(coding for coding in codings if coding not in {"", "identity"})


def _location(answer: Incoming) -> str:
    """Return where a redirect points; http.client reads headers as Latin-1, browsers as UTF-8."""
    if not 300 <= answer.status < 400:
        return ""
    return answer.headers.get("location", "").encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _evidence(answer: Incoming, secrets: Secrets) -> tuple[tuple[str, str], ...]:
    told = ((shown, answer.headers.get(name)) for name, shown in _EVIDENCE.items())
    return tuple((shown, for_log(secrets.redact(value), limit=100)) for shown, value in told if value is not None)
