"""Door to the CDN's API: one method a call, every failure an ApiError.

What an answer means is read in `answers.py`, whether to ask again decided in `retry.py`. Importing it costs 100 ms.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import requests
import urllib3

from ztpurge.answers import Answer, Receipt, read_receipt
from ztpurge.errors import ApiError, Failure
from ztpurge.transport import make_session
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.clock import Clock
    from ztpurge.plan import Batch

_MAX_ANSWER = 256 * 1024  # bytes; the longest documented answer has under 200
_CHUNK = 16 * 1024
_CONNECT_TIMEOUT = 10.0  # seconds
_SLOW = "If that lasts, raise `request-timeout`: the service asks each provider behind the host before it answers"
_LOST = "Check that the runner can reach `api-url`"


class Cdn:
    """The API of one account."""

    def __init__(self, api_url: str, token: str, *, environ: Mapping[str, str], clock: Clock) -> None:
        self._api_url = api_url
        self._token = token
        self._clock = clock
        self._session = make_session(api_url, environ)

    def purge(self, batch: Batch, timeout: float) -> Receipt:
        """Ask for the purge of a batch and return the API's receipt, within `timeout` seconds; raise ApiError."""
        answer = self._post("/cdn_api/purge", {batch.kind: batch.entries}, timeout)
        return read_receipt(answer, now=self._clock.wall())

    def _post(self, path: str, body: Mapping[str, object], timeout: float) -> Answer:
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
                return Answer(response.status_code, headers, _body(response))
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise ApiError(Failure.TIMEOUT, f"no answer within {timeout:g} s", remedy=_SLOW) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise ApiError(Failure.UNREACHABLE, f"the call broke off: {_origin_of(error)}", remedy=_LOST) from error


def _body(response: requests.Response) -> bytes:
    body = bytearray()
    while chunk := response.raw.read1(_CHUNK):
        body += chunk
        if len(body) > _MAX_ANSWER:
            raise ApiError(Failure.UNREADABLE, f"the answer is longer than {_MAX_ANSWER} bytes")
    return bytes(body)


def _origin_of(error: BaseException) -> str:
    """Say what lies at the bottom of an error that libraries have wrapped several times."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return for_log(str(error).strip() or type(error).__name__, limit=200)
