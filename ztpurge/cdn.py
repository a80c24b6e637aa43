"""Door to the CDN's API: one method a call, every failure an ApiError.

What an answer means is read in `answers.py`, whether to ask again decided in `retry.py`. Importing it costs 100 ms.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ztpurge.answers import Receipt, read_receipt
from ztpurge.errors import ApiError, Failure
from ztpurge.transport import exchange, make_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.clock import Clock
    from ztpurge.plan import Batch
    from ztpurge.transport import Answer

_MAX_ANSWER = 256 * 1024  # bytes; the longest documented answer has under 200
_REMEDIES = {
    Failure.TIMEOUT: "If that lasts, raise `request-timeout`: the service asks each provider behind the host in turn",
    Failure.UNREACHABLE: "Check that the runner can reach `api-url`",
}


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
            return exchange(
                self._session,
                "POST",
                self._api_url + path,
                data=json.dumps(body, separators=(",", ":")),
                headers={"Content-Type": "application/json", "X-Auth-Token": self._token},
                timeout=timeout,
                most=_MAX_ANSWER,
            )
        except ApiError as error:
            raise ApiError(error.failure, error.cause, remedy=_REMEDIES.get(error.failure, "")) from error
