"""Standard output as a door that never holds the run up: what nobody takes any more is thrown away."""

from __future__ import annotations

import io
import os
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ztpurge.clock import Clock

_PATIENCE = 5.0  # seconds without a byte taken
_PATIENCE_AT_STOP = 2.0  # seconds in all: the report is to be written before the runner kills the run
_GLANCE = 100  # milliseconds between two looks at whether the run is to stop
_PIECE = 4096  # bytes: PIPE_BUF of Linux, which a pipe that is ready takes without making its writer wait


def open_log(number: int, clock: Clock) -> io.TextIOWrapper:
    """Return a text stream to a file descriptor, which stays open; writing raises OSError if nobody takes it."""
    raw = io.BufferedWriter(_PatientWriter(number, clock))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="\n")


class _PatientWriter(io.RawIOBase):
    """Writes to a descriptor when that is ready, and waits only so long for it: a full pipe would block for ever."""

    def __init__(self, number: int, clock: Clock) -> None:
        self._number = number
        self._clock = clock
        self._left = _PATIENCE

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def write(self, data: Any) -> int:  # noqa: ANN401 - as io.RawIOBase has it
        ready = select.poll()
        ready.register(self._number, select.POLLOUT)
        while not ready.poll(0):
            if self._clock.stopped():
                self._left = min(self._left, _PATIENCE_AT_STOP)
            if self._left <= 0:
                raise TimeoutError("nobody reads the log")
            began = time.monotonic()
            ready.poll(_GLANCE)
            self._left -= time.monotonic() - began
        if not self._clock.stopped():
            self._left = _PATIENCE
        return os.write(self._number, memoryview(data)[:_PIECE])
