"""Door to the CDN's edges, and to the origin behind them: fetches a URL as a browser would.

No cache-busting, no API token, no cookies; no redirect is followed here. The body is compared as it streams in, as it
was sent and with compression undone: it is hashed, not kept, and left as soon as it cannot be the one expected.
"""

from __future__ import annotations

import threading
import time
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ztpurge import __version__
from ztpurge.calls.addresses import is_reachable, resolve, takes_connections
from ztpurge.calls.transport import Session, is_proxied
from ztpurge.changes.contents import MOST_BYTES, MOST_BYTES_UNKNOWN, POINTER_BYTES
from ztpurge.edge.browsers import seconds_in_browsers
from ztpurge.edge.place import place_of
from ztpurge.edge.servers import find_servers
from ztpurge.site.edges import ALL, ONE
from ztpurge.site.urls import host_of
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ztpurge.calls.redaction import Secrets
    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.calls.transport import Exchange
    from ztpurge.changes.contents import Content
    from ztpurge.edge.servers import Servers

_COMPRESSIONS = frozenset({"gzip", "x-gzip", "deflate"})
_PIECE = 1 << 20  # bytes that are inflated at once
_EVIDENCE = {
    "age": "Age", "x-cache": "X-Cache", "cache-status": "Cache-Status", "cf-ray": "CF-Ray",
    "x-amz-cf-pop": "X-Amz-Cf-Pop", "x-served-by": "X-Served-By", "via": "Via", "etag": "ETag",
    "last-modified": "Last-Modified",
}  # fmt: skip
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
    many seconds ago the origin gave it. `place`: where the server says it is. `in_browsers`: for how many seconds at
    most browsers show what is served with 200 without asking again; None if nothing bounds it.
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
    place: str = ""
    in_browsers: float | None = 0.0


class Edges:
    """The servers that answer for a host, each with connections of its own; `on_exchange` hears of each request."""

    def __init__(
        self, environ: Mapping[str, str], secrets: Secrets, *, on_exchange: Callable[[Exchange], None] | None = None
    ) -> None:
        self._environ = environ
        self._secrets = secrets
        self._on_exchange = on_exchange
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], Session] = {}

    def look(self, url: str, at: str, expected: Content | None, timeout: float) -> Look:
        """Fetch a URL as it is spelled, within `timeout` seconds, and compare its body, None: look at the status alone.

        `at` is the URL by which the server is reached, maybe by another name or none: it is asked in the URL's own
        name, with that in `Host` and in TLS, where its certificate must be for that. Raises ApiError if there is no
        whole answer.
        """
        headers = _HEADERS if at == url else {**_HEADERS, "Host": urlsplit(url).netloc}
        session = self._session(url, at)
        with session.receive(at, headers=headers, timeout=timeout, secrets=self._secrets) as answer:
            headers = answer.headers
            # a list whose case is no matter; `identity` stands for none
            codings = (coding.strip().lower() for coding in headers.get("content-encoding", "").split(","))
            encoding = ", ".join(coding for coding in codings if coding not in {"", "identity"})
            # RFC 9112 6.3: what is sent in chunks is as long as they are, whatever else is announced
            announced = "" if "transfer-encoding" in headers else headers.get("content-length", "")
            served = _compare(answer.chunks, expected if answer.status == 200 else None, encoding, announced)
            # http.client reads headers as Latin-1, browsers as UTF-8
            location = headers.get("location", "").encode("latin-1", "replace").decode("utf-8", "surrogateescape")
            return Look(
                answer.status,
                is_match=served.is_match,
                said=tuple((_EVIDENCE[at], self.shown(headers[at], limit=100)) for at in _EVIDENCE if at in headers),
                location=location if 300 <= answer.status < 400 else "",
                unread="" if encoding in {"", *_COMPRESSIONS} else self.shown(encoding, limit=40),
                small=served.small,
                is_too_long=served.is_too_long,
                retry_after=headers.get("retry-after"),
                age=_parse_count(headers.get("age", "")),
                place=place_of({name: self._secrets.redact(headers[name]) for name in _EVIDENCE if name in headers}),
                in_browsers=seconds_in_browsers(200, headers, now=time.time()) if answer.status == 200 else 0.0,
            )

    def find_servers(self, urls: Iterable[str], told: Mapping[str, Sequence[str]], scheduler: Scheduler) -> Servers:
        """Find the edges of the URLs' hosts: those that are `told` by host, else each address that the host has.

        A host that is behind a proxy here is asked by its name alone, which the proxy resolves.
        """
        tops = {"{0.scheme}://{0.netloc}/".format(urlsplit(url)) for url in urls}
        hosts = {host_of(url): ONE if is_proxied(url) else told.get(host_of(url), ALL) for url in tops}
        ports = {host_of(url): urlsplit(url).port or (443 if url.startswith("https:") else 80) for url in tops}
        return find_servers(
            hosts,
            scheduler,
            resolve=resolve,
            is_reachable=is_reachable,
            connects=lambda host, address: takes_connections(address, ports[host]),
        )

    def shown(self, text: str, *, limit: int) -> str:
        """Return what an edge said as everybody may read it."""
        return for_log(self._secrets.redact(text), limit=limit)

    def _session(self, url: str, at: str) -> Session:
        server = "{0.scheme}://{0.netloc}/".format(urlsplit(at))
        name = "" if at == url else urlsplit(url).hostname or ""
        with self._lock:
            if (server, name) not in self._sessions:
                # of a proxy only a tunnel reaches one server in the name of another (RFC 9112, 3.2.2)
                is_direct = bool(name) and (at.startswith("http:") or not is_proxied(url))
                session = Session(server, self._environ, on_exchange=self._on_exchange, name=name, is_direct=is_direct)
                self._sessions[server, name] = session
            return self._sessions[server, name]


class _Comparison:
    """A body on its way in, compared with what is expected as far as it can still be that (`is_possible`).

    `is_too_long`: nobody told its size, and it is more than is kept.
    """

    def __init__(self, expected: Content | None) -> None:
        self._expected = expected
        self._size = expected.size if expected else None
        self._hash = expected.hasher(self._size) if expected and self._size is not None else None
        self._kept = bytearray()
        self._length = 0
        self.is_possible = expected is not None
        self.is_too_long = False

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the body."""
        if not self.is_possible:
            return
        self._length += len(piece)
        most = MOST_BYTES_UNKNOWN if self._size is None else self._size
        if self._length > most:
            self.is_possible = False
            self.is_too_long = self._size is None
            self._kept.clear()
            return
        if self._hash:
            self._hash.update(piece)
        if self._size is None or self._size < POINTER_BYTES:
            self._kept += piece

    @property
    def is_match(self) -> bool:
        """Whether the body, now whole, is the expected one."""
        if not self._expected or not self.is_possible:
            return False
        hashed = self._hash
        if hashed is None:
            hashed = self._expected.hasher(self._length)
            hashed.update(self._kept)
        return self._size in {None, self._length} and hashed.hexdigest() == self._expected.digest

    @property
    def small(self) -> bytes:
        """The body, if it is the expected one and less than 1024 bytes."""
        return bytes(self._kept) if len(self._kept) < POINTER_BYTES and self.is_match else b""


def _compare(chunks: Iterator[bytes], expected: Content | None, encoding: str, announced: str) -> _Comparison:
    """Read a body while it can be the expected one: as it was sent (a file may be stored compressed), or inflated.

    `encoding` and `announced`: what its headers Content-Encoding and Content-Length say. Nothing is read if nothing is
    expected.
    """
    if expected is None:
        return _Comparison(None)
    inflater = _Inflater(encoding) if encoding in _COMPRESSIONS else None
    length = _parse_count(announced)
    # git's ids begin with the size: as it was sent, the body has the one that is announced
    sized = replace(expected, size=length) if expected.size is None and length is not None else expected
    sent, inflated = _Comparison(sized), _Comparison(expected if inflater else None)
    if length is not None and (length != sized.size or length > MOST_BYTES):
        sent.is_possible, sent.is_too_long = False, expected.size is None
    while sent.is_possible or inflated.is_possible:
        chunk = next(chunks, None)
        if chunk is None:
            break
        sent.feed(chunk)
        if inflater and inflated.is_possible:
            _inflate(inflater.pieces(chunk), inflated)
    if inflater and inflated.is_possible:
        _inflate(inflater.rest(), inflated)
        inflated.is_possible &= inflater.is_whole
    return sent if sent.is_match or not inflater else inflated


def _inflate(pieces: Iterator[bytes], into: _Comparison) -> None:
    try:
        for piece in pieces:
            into.feed(piece)
            if not into.is_possible:
                return
    except zlib.error:
        into.is_possible = False


class _Inflater:
    """Undoes gzip, member by member, or deflate with zlib's frame or without; what follows the end is ignored.

    urllib3's decoder reads a member twice if the one before ends where a piece does.
    """

    def __init__(self, encoding: str) -> None:
        self._is_gzip = encoding != "deflate"
        self._head = b""
        self._stream: zlib._Decompress | None = None
        self._is_over = False
        self.is_whole = False

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk brings, no more than _PIECE at once; raise zlib.error for what is not compressed."""
        if self._stream is None:
            self._head += chunk
            if len(self._head) < 2:  # RFC 1950: the two bytes of zlib's header are a multiple of 31
                return
            chunk, is_framed = self._head, self._head[0] & 15 == 8 and int.from_bytes(self._head[:2]) % 31 == 0
            self._stream = zlib.decompressobj(31 if self._is_gzip else 15 if is_framed else -15)
        while chunk and not self._is_over:
            if self.is_whole:
                self._is_over = not self._is_gzip
                self._stream = zlib.decompressobj(31)
            try:
                piece = b"" if self._is_over else self._stream.decompress(chunk, _PIECE)
            except zlib.error:
                if not self.is_whole:
                    raise
                self._is_over = True
                return
            self.is_whole = self._is_over or self._stream.eof
            chunk = self._stream.unconsumed_tail or self._stream.unused_data
            yield piece

    def rest(self) -> Iterator[bytes]:
        """Yield what is left once the last chunk came."""
        if self._stream is not None and not self.is_whole:
            yield self._stream.flush()
            self.is_whole = self._stream.eof


def _parse_count(text: str) -> int | None:
    """Read a header that is a whole number of bytes or seconds; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
