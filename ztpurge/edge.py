"""Door to the CDN's edges: fetches a URL as a browser would and compares what is served, byte by byte.

No cache-busting, no API token, no cookies; no redirect is followed here. A body is hashed as it streams, as it was
sent and with its compression undone, and is left as soon as it cannot be the one expected.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3
from requests import PreparedRequest

from ztpurge import __version__
from ztpurge.expected import MOST_BYTES, MOST_BYTES_UNKNOWN, POINTER_BYTES
from ztpurge.transport import make_session, receive
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ztpurge.expected import Content
    from ztpurge.transport import Incoming

_PIECE = 1 << 20  # bytes that are inflated at once
_COMPRESSIONS = frozenset({"gzip", "x-gzip", "deflate"})
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
    of less than 1024 bytes. `is_too_long`: the file's size is not known, and the body is more than is kept.
    """

    status: int
    is_match: bool = False
    said: tuple[tuple[str, str], ...] = ()
    location: str = ""
    unread: str = ""
    small: bytes = b""
    is_too_long: bool = False
    retry_after: str | None = None


class Edges:
    """The edges, each host's with its own few connections."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._sessions: dict[str, requests.Session] = {}

    def can_ask_for(self, url: str) -> bool:
        """Say whether the libraries ask for these very bytes: they encode some characters that browsers leave alone."""
        request = PreparedRequest()
        try:
            request.prepare_url(url, None)
            return request.url == url and urllib3.util.parse_url(url).url == url
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            return False

    def look(self, url: str, expected: Content | None, timeout: float) -> Look:
        """Fetch a URL within `timeout` seconds and compare its body, None: look at the status alone.

        Raises ApiError if there is no whole answer.
        """
        with receive(self._session(url), url, headers=_HEADERS, timeout=timeout) as answer:
            encoding = answer.headers.get("content-encoding", "").strip().lower()
            served = _compare(answer, expected, encoding) if expected and answer.status == 200 else _Comparison(None)
            return Look(
                answer.status,
                is_match=served.is_match,
                said=_evidence(answer),
                location=_location(answer),
                unread="" if encoding in {"", "identity", *_COMPRESSIONS} else for_log(encoding, limit=40),
                small=served.small,
                is_too_long=served.is_too_long,
                retry_after=answer.headers.get("retry-after"),
            )

    def _session(self, url: str) -> requests.Session:
        origin = "{0.scheme}://{0.netloc}/".format(urlsplit(url))
        if origin not in self._sessions:
            self._sessions[origin] = make_session(origin, self._environ)
        return self._sessions[origin]


class _Comparison:
    """A body on its way in, compared with what is expected as far as it can still be that."""

    def __init__(self, expected: Content | None) -> None:
        self._expected = expected
        self._size = expected.size if expected else None
        self._hash = expected.hasher(self._size) if expected and self._size is not None else None
        self._kept = bytearray()
        self._length = 0
        self.is_possible = expected is not None
        self.is_too_long = False

    def feed(self, piece: bytes) -> None:
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
        if not self._expected or not self.is_possible:
            return False
        hashed = self._hash
        if hashed is None:
            hashed = self._expected.hasher(self._length)
            hashed.update(self._kept)
        return self._size in {None, self._length} and hashed.hexdigest() == self._expected.digest

    @property
    def small(self) -> bytes:
        return bytes(self._kept) if len(self._kept) < POINTER_BYTES and self.is_match else b""


def _compare(answer: Incoming, expected: Content, encoding: str) -> _Comparison:
    """Read a body while it can be the expected one: as it was sent (a file may be stored compressed), or inflated."""
    inflater = _Inflater(encoding) if encoding in _COMPRESSIONS else None
    announced = _count(answer.headers.get("content-length", ""))
    # git's ids begin with the size: as it was sent, the body has the one that is announced
    sized = replace(expected, size=announced) if expected.size is None and announced is not None else expected
    sent, inflated = _Comparison(sized), _Comparison(expected if inflater else None)
    if announced is not None and (announced != sized.size or announced > MOST_BYTES):
        sent.is_possible = False
    while sent.is_possible or inflated.is_possible:
        chunk = next(answer.chunks, None)
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


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def _location(answer: Incoming) -> str:
    """Return where a redirect points; http.client reads headers as Latin-1, browsers as UTF-8."""
    if not 300 <= answer.status < 400:
        return ""
    return answer.headers.get("location", "").encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _evidence(answer: Incoming) -> tuple[tuple[str, str], ...]:
    headers = answer.headers
    return tuple((shown, for_log(headers[name], limit=100)) for name, shown in _EVIDENCE.items() if name in headers)
