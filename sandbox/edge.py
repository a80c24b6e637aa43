"""A caching server in front of the origin, as the CDN's visitors meet it; what is purged when is left to the cache."""

from collections.abc import Callable, Container
from http.client import HTTPException

from sandbox.cache import Cache
from sandbox.keys import Key, key_of, split_url
from sandbox.tier import NOT_TO_KEEP
from sandbox.wire import Headers, Reply, Request

Fetch = Callable[[Key], Reply]

# Between two servers only, or set anew at the edge.
HOP_BY_HOP = frozenset({"connection", "content-length", "surrogate-control", "x-cache", "age"})


class Edge:
    """Answers from the cache, and fills it from the origin; says of each answer that it is its own."""

    def __init__(self, cache: Cache, *, name: str, fetch: Fetch, hosts: Container[str]) -> None:
        self._cache = cache
        self._fetch = fetch
        self._name = name
        self._hosts = hosts

    def answer(self, request: Request) -> Reply:
        """Answer a visitor."""
        key = _key_of_request(request)
        if key is None or key.host not in self._hosts:
            return _plain(404, "no such site on this CDN")
        if request.method not in {"GET", "HEAD"}:
            return _plain(405, "this edge answers GET and HEAD")
        self.settle()
        entry = self._cache.look_up(key)
        if entry is not None:
            return self._marked(entry.reply, age=self._cache.age(entry))
        return self._from_origin(key)

    def is_cached(self, key: Key) -> bool:
        """Tell whether the next visitor would be answered from the cache."""
        self.settle()
        return self._cache.look_up(key) is not None

    def settle(self) -> None:
        """Pull in what prefetches asked for, now that they are due."""
        for key in self._cache.take_wanted():
            self._from_origin(key)

    def _from_origin(self, key: Key) -> Reply:
        ticket = self._cache.begin_fetch()
        try:
            fetched = self._fetch(key)
        except (OSError, HTTPException, ValueError):  # the last: a prefetch of what no request line can hold
            return _plain(502, "the origin does not answer")
        kept = tuple(pair for pair in fetched.headers.pairs if pair[0].lower() not in HOP_BY_HOP)
        reply = Reply(fetched.status, headers=Headers(kept), body=fetched.body)
        is_kept = NOT_TO_KEEP not in fetched.headers.pairs and self._cache.store(key, reply, ticket=ticket)
        return self._marked(reply, missed="fwd=miss; stored" if is_kept else "fwd=miss")

    def _marked(self, reply: Reply, *, missed: str = "", age: int = 0) -> Reply:
        added = (
            ("X-Cache", "MISS" if missed else "HIT"),
            ("Age", str(age)),
            ("Cache-Status", f"{self._name}; {missed or 'hit'}"),
            ("Via", f"1.1 {self._name} (sandbox)"),
        )
        return Reply(reply.status, headers=Headers((*reply.headers.pairs, *added)), body=reply.body)


def _key_of_request(request: Request) -> Key | None:
    """Return the key of what is asked for; a whole URL as target is how clients ask a proxy."""
    if not request.target.startswith(b"/"):
        try:
            authority, _ = split_url(request.target.decode("latin-1"))
        except ValueError:
            return None
        target = request.target.partition(b"://")[2][len(authority) :]
        return key_of(authority, target if target.startswith(b"/") else b"/" + target)
    host = request.headers.get("Host", "")
    return key_of(host, request.target) if host else None


def _plain(status: int, text: str) -> Reply:
    return Reply(status, headers=Headers((("Content-Type", "text/plain"),)), body=f"{text}\n".encode())
