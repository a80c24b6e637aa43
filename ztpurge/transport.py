"""How `requests` reaches the API: answers bounded in total time, nothing taken from the surroundings unasked.

The time-out of `requests` counts from one received byte to the next; a server that drips would keep a call for ever.
"""

from __future__ import annotations

import http.client
import io
import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ztpurge import __version__

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

_MOST_CONNECTIONS = 64
_AT_ONCE = 0.001  # seconds; a socket takes 0 for "do not block"


def make_session(api_url: str, environ: Mapping[str, str]) -> requests.Session:
    """Return a session for many threads whose read time-out bounds an answer from its first byte to its last."""
    session = requests.Session()
    session.headers.update(
        {"User-Agent": f"ztpurge/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"}
    )
    # proxies and CA bundle are taken from the environment once; trust_env would scan it at each call, and let a
    # .netrc in HOME, which other steps can write, add credentials
    session.trust_env = False
    session.proxies.update(requests.utils.get_environ_proxies(api_url, no_proxy=None))
    session.verify = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_maxsize=_MOST_CONNECTIONS))
    return session


class _BoundedReader(io.RawIOBase):
    """Reads a socket's stream until the socket's time-out has passed in all, not since the last byte."""

    def __init__(self, stream: io.RawIOBase, sock: socket.socket) -> None:
        self._stream = stream
        self._socket = sock
        timeout = sock.gettimeout()
        self._end = None if timeout is None else time.monotonic() + timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - as io.RawIOBase has it
        if self._end is not None:
            self._socket.settimeout(max(self._end - time.monotonic(), _AT_ONCE))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed through
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock))


class _HTTPConnection(urllib3.connection.HTTPConnection):
    response_class = _BoundedResponse


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    response_class = _BoundedResponse


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed through
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> urllib3.ProxyManager:  # noqa: ANN401 - passed through
        manager: urllib3.ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
