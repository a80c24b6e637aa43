"""A caching server in front of the origin, as the CDN's visitors meet it; what is purged when is left to the cache."""

from collections.abc import Callable
from http.client import HTTPException

from sandbox.cache import Cache
from sandbox.keys import Key, key_of, split_url
from sandbox.wire import Headers, Reply, Request

Fetch = Callable[[Key], Reply]

# Between two servers only, or set anew at the edge.
HOP_BY_HOP = frozenset({"connection", "content-length", "x-cache", "age"})


class Edge:
    """Answers from the cache, and fills it from the origin."""

    def __init__(self, cache: Cache, *, fetch: Fetch, owns: Callable[[str], bool]) -> None:
        self._cache = cache
        self._fetch = fetch
        self._owns = owns

    def answer(self, request: Request) -> Reply:
        """Answer a visitor."""
        key = _key_of_request(request)
        if key is None or not self._owns(key.host):
            return _plain(404, "no such site on this CDN")
        if request.method not in {"GET", "HEAD"}:
            return _plain(405, "this edge answers GET and HEAD")
        self.settle()
        entry = self._cache.look_up(key)
        if entry is not None:
            return _marked(entry.reply, verdict="HIT", age=self._cache.age(entry))
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
        self._cache.store(key, reply, ticket=ticket)
        return _marked(reply, verdict="MISS", age=0)


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


def _marked(reply: Reply, *, verdict: str, age: int) -> Reply:
    return Reply(
        reply.status,
        headers=Headers((*reply.headers.pairs, ("X-Cache", verdict), ("Age", str(age)))),
        body=reply.body,
    )


def _plain(status: int, text: str) -> Reply:
    return Reply(status, headers=Headers((("Content-Type", "text/plain"),)), body=f"{text}\n".encode())
