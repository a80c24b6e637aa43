"""The sandbox's time, in seconds since the epoch, from a clock that tests can replace."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

Clock = Callable[[], float]


def steady_clock() -> Clock:
    """Return a clock that shows today's date but never jumps when the machine's clock is set."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


def http_date(moment: float) -> str:
    """Write a moment as HTTP headers and the API's tasks do."""
    return format_datetime(datetime.fromtimestamp(int(moment), tz=UTC), usegmt=True)


def iso_date(moment: float) -> str:
    """Write a moment as the API's tokens do."""
    return datetime.fromtimestamp(int(moment), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
