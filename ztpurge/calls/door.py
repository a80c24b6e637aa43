"""The door to the network: loads the HTTP client once somebody is to be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.calls.transport import Session


def make_session(url: str, environ: Mapping[str, str]) -> Session:
    """Open a session with the server of a URL; raise ZtpurgeError for a CA bundle that cannot be read."""
    from ztpurge.calls.transport import Session  # noqa: PLC0415 - 100 ms, which runs that call nobody do without

    return Session(url, environ)
