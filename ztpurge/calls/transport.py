"""The HTTP client, on `requests`: answers bounded in time and size, nothing taken from the surroundings unasked.

The time-out of `requests` counts from one received byte to the next; a server that drips would keep a call for ever.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import http.client
import io
import json
import re
import time
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from ztpurge import __version__
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    from ztpurge.calls.redaction import Secrets

_MOST_CONNECTIONS = 64
_CONNECT_TIMEOUT = 10.0  # seconds
_CHUNK = 64 * 1024  # bytes
_MOST_INTERIM = 100  # answers
_LONGEST_TOLD = 16 * 1024  # bytes of a body; to look through more of them for secrets takes its time
_TOLD_HEADERS = (
    "location", "retry-after", "x-ratelimit-remaining", "age", "x-cache", "cache-status", "cf-ray", "x-amz-cf-pop",
    "x-served-by", "via", "etag", "last-modified",
)  # fmt: skip
_STATUS_LINE = re.compile(r"HTTP/1\.[0-9]\s+(?P<words>\S.*)")
_NO_HTTP_STATUS = "not an HTTP status: "
# while a request is sent, the URL to ask for letter by letter: the libraries would spell it anew, and know no other way
_AS_SPELLED = contextvars.ContextVar("_AS_SPELLED", default="")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a server; `is_private`: what is sent and answered is shown to nobody, as with a login.

    `hidden`: what is taken out of the body before that is shown.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)  # a token is among them
    data: str | None = field(default=None, repr=False)
    hidden: str = field(default="", repr=False)
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: header names in lower case, a body of bounded size.

    `odd_status`: what the status line said in place of an HTTP status, such as `-1 UNKNOWN`; `status` is 502 then.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    odd_status: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came of it, without secrets: bodies, some of the headers, seconds.

    `status` is None if no answer came; `error`: why that was so, or why the answer is not whole.
    """

    method: str
    url: str
    sent: str
    status: int | None
    headers: tuple[tuple[str, str], ...]
    said: str
    error: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Incoming:
    """An HTTP answer as it was sent, whose body is still to be read: compressed if it was."""

    status: int
    headers: dict[str, str]
    chunks: Iterator[bytes]


class Session(requests.Session):
    """A session for many threads whose read time-out bounds an answer from its first byte to its last.

    `on_exchange` hears of each request once it has ended, whichever way. `name`: for which host the server is asked,
    and must have a certificate, where that is not the one of its address; `is_direct`: no proxy is asked for it.
    """

    def __init__(
        self,
        url: str,
        environ: Mapping[str, str],
        *,
        on_exchange: Callable[[Exchange], None] | None = None,
        name: str = "",
        is_direct: bool = False,
    ) -> None:
        super().__init__()
        self._on_exchange = on_exchange
        self.headers.update(
            {"User-Agent": f"ztpurge/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"}
        )
        # proxies and CA bundle are taken from the environment once; trust_env would scan it at each call, and let a
        # .netrc in HOME, which other steps can write, add credentials
        self.trust_env = False
        if not is_direct:
            self.proxies.update(requests.utils.get_environ_proxies(url, no_proxy=None))
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        is_tls = any(url.startswith("https:") for url in (url, *self.proxies.values()))
        adapter = _Adapter(_tls(environ) if is_tls else None, name=name)
        for scheme in ("http://", "https://"):
            self.mount(scheme, adapter)

    def exchange(self, request: Request, *, timeout: float, most: int, secrets: Secrets) -> Answer:
        """Send a request and return the answer, within `timeout` seconds and `most` bytes; no redirect is followed.

        All but the body, which may be data, comes without secrets. Raises ApiError: AWAY or NO_NAME if it was not sent;
        TIMEOUT, UNREACHABLE, or UNREADABLE for a longer answer.
        """
        with (
            self._telling(request, secrets) as answers,
            _typed_errors(timeout, secrets),
            self._send(request, timeout) as response,
        ):
            headers = {name.lower(): secrets.redact(value) for name, value in response.headers.items()}
            _, _, odd_status = (response.reason or "").partition(_NO_HTTP_STATUS)
            body = bytearray()
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > most:
                    raise ApiError(Failure.UNREADABLE, f"the answer is longer than {most} bytes")
            odd_status = for_log(secrets.redact(odd_status), limit=80)
            answers.append(Answer(response.status_code, headers, bytes(body), odd_status))
            return answers[0]

    @contextlib.contextmanager
    def receive(self, url: str, *, headers: Mapping[str, str], timeout: float, secrets: Secrets) -> Iterator[Incoming]:
        """Get a URL in its very spelling and hand over the answer, to be read within `timeout` seconds.

        No redirect is followed. Nothing of it is redacted, since it is to be compared. Raises ApiError, while the body
        is read too: AWAY, NO_NAME, TIMEOUT, UNREACHABLE or UNREADABLE.
        """
        asking = contextvars.copy_context()
        asking.run(_AS_SPELLED.set, url)
        request = Request("GET", url, headers)
        with (
            self._telling(request, secrets) as answers,
            _typed_errors(timeout, secrets),
            asking.run(self._send, request, timeout) as response,
        ):
            named = {name.lower(): value for name, value in response.headers.items()}
            answers.append(Answer(response.status_code, named, b""))
            chunks = iter(lambda: response.raw.read1(_CHUNK, decode_content=False), b"")
            yield Incoming(response.status_code, named, chunks)

    @contextlib.contextmanager
    def _telling(self, request: Request, secrets: Secrets) -> Iterator[list[Answer]]:
        """Tell of a request once the block has ended, and of the answer that was put into the list by then."""
        answers: list[Answer] = []
        error, began = "", time.monotonic()
        try:
            yield answers
        except ApiError as raised:
            error = raised.cause
            raise
        finally:
            if self._on_exchange:
                seconds = time.monotonic() - began
                self._on_exchange(_make_exchange(request, answers, secrets, error=error, seconds=seconds))

    def _send(self, request: Request, timeout: float) -> requests.Response:
        # prepared here: to merge settings that no two requests differ in takes `Session.request` a sixth of a call
        headers = {**self.headers, **request.headers}
        prepared = requests.Request(request.method, request.url, headers, data=request.data).prepare()
        return self.send(
            prepared, timeout=(min(_CONNECT_TIMEOUT, timeout), timeout), allow_redirects=False, stream=True
        )

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Take no answer for a redirect: though told not to follow, requests would read body and target, unbounded."""


def is_proxied(url: str) -> bool:
    """Say whether the environment has a URL asked for through a proxy."""
    return bool(requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url, no_proxy=None)))


def _make_exchange(
    request: Request, answers: list[Answer], secrets: Secrets, *, error: str, seconds: float
) -> Exchange:
    def show(body: bytes) -> str:
        if request.is_private or len(body) > _LONGEST_TOLD:
            return f"({len(body):,} bytes)"
        return secrets.redact_body(body).decode("utf-8", "surrogateescape")

    sent = request.data or ""
    if request.hidden:
        sent = sent.replace(json.dumps(request.hidden), '"***"')
    answer = answers[0] if answers else None
    headers = answer.headers if answer else {}
    return Exchange(
        request.method,
        secrets.redact(request.url),
        sent=show(sent.encode()),
        status=answer.status if answer else None,
        headers=tuple((name, secrets.redact(headers[name])) for name in _TOLD_HEADERS if name in headers),
        said=show(answer.body) if answer else "",
        error=error,
        seconds=seconds,
    )


def _tls(environ: Mapping[str, str]) -> ssl.SSLContext:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        name = environ.get(variable)
        if name and not Path(name).exists():
            raise ZtpurgeError(
                f"there is no file {name!r} here",
                remedy="A container does not see the runner's files: put the bundle into the workspace",
                place=variable,
            )
        try:
            if name:
                return _tls_of(name)
        except OSError as error:  # what ssl raises is one, too
            raise ZtpurgeError(f"{name!r} holds no certificates", place=variable) from error
    return _tls_of(requests.utils.DEFAULT_CA_BUNDLE_PATH)


@functools.cache
def _tls_of(bundle: str) -> ssl.SSLContext:
    """Return what all connections of a run share: to read a bundle takes 20 ms, more than a call."""
    context = create_urllib3_context()  # which has certificates and host names verified
    context.load_verify_locations(**{"capath" if Path(bundle).is_dir() else "cafile": bundle})
    return context


@contextlib.contextmanager
def _typed_errors(timeout: float, secrets: Secrets) -> Iterator[None]:
    """Raise what the libraries raise as an ApiError without secrets."""
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        unsent = _why_unsent(error)
        if unsent:
            raise ApiError(unsent, f"no connection: {_origin_of(error, secrets)}") from error
        if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
            raise ApiError(Failure.TIMEOUT, f"no answer within {timeout:.3g} s") from error
        raise ApiError(Failure.UNREACHABLE, f"the call broke off: {_origin_of(error, secrets)}") from error
    except (OSError, ValueError, RuntimeError) as error:  # what the libraries let through of a malformed answer
        raise ApiError(Failure.UNREADABLE, f"the answer cannot be read: {_origin_of(error, secrets)}") from error


def _why_unsent(error: BaseException | None) -> Failure | None:
    """Tell a call that never left, since there was no connection to send it by, from one that broke off."""
    while error is not None:
        if isinstance(error, urllib3.exceptions.NameResolutionError):
            return Failure.NO_NAME
        if isinstance(error, urllib3.exceptions.ConnectTimeoutError):  # a refused connection is one, too
            return Failure.AWAY
        error = error.__cause__ or error.__context__
    return None


def _origin_of(error: BaseException, secrets: Secrets) -> str:
    """Say what lies at the bottom of an error that libraries have wrapped several times."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return for_log(secrets.redact(str(error).strip()) or type(error).__name__, limit=200)


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
            left = self._end - time.monotonic()
            if left <= 0:  # a socket with data waiting would never time out
                raise TimeoutError
            self._socket.settimeout(left)
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """An answer bounded in time, behind interim ones, and read though its status line has no HTTP status."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed through
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock))

    def _read_status(self) -> tuple[str, int, str]:
        """Return version, status and reason of the final answer (RFC 9110, 15.2); http.client skips 100 alone."""
        for _ in range(_MOST_INTERIM + 1):
            try:
                version, status, reason = super()._read_status()  # type: ignore[misc]
            except http.client.BadStatusLine as error:
                found = _STATUS_LINE.fullmatch(str(error.args[0]).strip())
                if not found:
                    raise
                return "HTTP/1.0", http.HTTPStatus.BAD_GATEWAY, f"{_NO_HTTP_STATUS}{found['words']}"
            if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("the server switched to another protocol, which nobody asked for")
            if not 100 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {_MOST_INTERIM} interim answers")


class _Connection(http.client.HTTPConnection):
    response_class = _BoundedResponse

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed through
        """Ask for the URL as it was spelled; of a proxy, for all of it (RFC 9112 section 3.2)."""
        spelled = _AS_SPELLED.get()
        if spelled and url.startswith("/"):
            spelled = "/" + "".join(spelled.split("/", 3)[3:])
        super().putrequest(method, spelled or url, *args, **kwargs)


class _HTTPConnection(_Connection, urllib3.connection.HTTPConnection):
    pass


class _HTTPSConnection(_Connection, urllib3.connection.HTTPSConnection):
    pass


class _Adapter(HTTPAdapter):
    """Gives each pool, a proxy's too, our connections and one TLS context; each method is there to be overridden."""

    def __init__(self, tls: ssl.SSLContext | None, *, name: str) -> None:
        self._tls = {"ssl_context": tls} if tls else {}
        self._named = {"server_hostname": name} if name else {}
        super().__init__(pool_maxsize=_MOST_CONNECTIONS)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed through
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _HTTPSConnection if pool.scheme == "https" else _HTTPConnection
        return pool

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed through
        host, tls = super().build_connection_pool_key_attributes(*args, **kwargs)
        return host, {**(self._tls or tls), **self._named}

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed through
        return super().proxy_manager_for(proxy, proxy_ssl_context=self._tls.get("ssl_context"), **kwargs)

    def cert_verify(self, *_: object) -> None:
        """Leave that to the context; what is set here by default has each connection read the bundle once more."""
