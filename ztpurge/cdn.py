"""Door to the CDN's API: one method a call, every failure an ApiError.

What an answer means is read in `answers.py`; whether to ask again is decided in `retry.py`.
"""

from __future__ import annotations

import functools
import json
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING

from ztpurge import __version__
from ztpurge.answers import Answer, Receipt, read_receipt
from ztpurge.errors import ApiError, Failure
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from ztpurge.clock import Clock
    from ztpurge.plan import Batch

_MAX_ANSWER = 256 * 1024  # bytes; the longest documented answer has under 200
_CHUNK = 16 * 1024
_CONNECT_TIMEOUT = 10.0  # seconds
_MOST_CONNECTIONS = 64
_SLOW = "If that lasts, raise `request-timeout`: the service asks each provider behind the host before it answers"
_LOST = "Check that the runner can reach `api-url`"


class Cdn:
    """The API of one account."""

    def __init__(self, api_url: str, token: str, *, environ: Mapping[str, str], clock: Clock) -> None:
        self._api_url = api_url
        self._token = token
        self._environ = environ
        self._clock = clock

    def purge(self, batch: Batch, timeout: float) -> Receipt:
        """Ask for the purge of a batch and return the API's receipt, within `timeout` seconds; raise ApiError."""
        answer = self._post("/cdn_api/purge", {batch.kind: batch.entries}, timeout)
        return read_receipt(answer, now=self._clock.wall())

    @functools.cached_property
    def _session(self) -> requests.Session:
        return _session(self._api_url, self._environ)

    def _post(self, path: str, body: Mapping[str, object], timeout: float) -> Answer:
        import requests  # noqa: PLC0415 - 100 ms that a run without calls need not pay
        import urllib3  # noqa: PLC0415

        end = self._clock.now() + timeout
        try:
            with self._session.post(
                self._api_url + path,
                data=json.dumps(body, separators=(",", ":")),
                headers={"Content-Type": "application/json", "X-Auth-Token": self._token},
                timeout=(min(_CONNECT_TIMEOUT, timeout), timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, self._body(response, end))
        except (requests.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
            raise ApiError(Failure.TIMEOUT, f"no answer within {timeout:.0f} s", remedy=_SLOW) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise ApiError(Failure.UNREACHABLE, f"the call broke off: {_origin_of(error)}", remedy=_LOST) from error

    def _body(self, response: requests.Response, end: float) -> bytes:
        """Read a body that may come slowly, be too long or break off."""
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK):
            body += chunk
            if len(body) > _MAX_ANSWER:
                raise ApiError(Failure.UNREADABLE, f"the answer is longer than {_MAX_ANSWER} bytes")
            if self._clock.now() > end:
                raise TimeoutError
        return bytes(body)


def _session(api_url: str, environ: Mapping[str, str]) -> requests.Session:
    import requests  # noqa: PLC0415
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    session = requests.Session()
    session.headers.update(
        {"User-Agent": f"ztpurge/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"}
    )
    # proxies and CA bundle are taken from the environment once; trust_env would also let a .netrc in the workspace's
    # HOME add credentials, and scan the environment at each call
    session.trust_env = False
    session.proxies.update(requests.utils.get_environ_proxies(api_url, no_proxy=None))
    session.verify = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    adapter = HTTPAdapter(pool_maxsize=_MOST_CONNECTIONS)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _origin_of(error: BaseException) -> str:
    """Say what lies at the bottom of an error that libraries have wrapped several times."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return for_log(str(error).strip() or type(error).__name__, limit=200)
