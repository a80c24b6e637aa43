"""The door that the runner opens: `python3 -I <here>/entrypoint.py`, everything through the environment."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from pathlib import Path

# -I keeps the workspace's modules out, and this folder with them
sys.path.insert(0, str(Path(__file__).resolve().parent))

from ztpurge.clock import Clock
from ztpurge.main import run


def main() -> int:
    """Run the action in this process's environment and return its exit code."""
    clock = Clock()
    _stop_at_signals(clock)
    if sys.stdout is None:  # closed; a file that is opened later must not take its place
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return run(os.environ, sys.stdout, clock)
    finally:
        _let_go_of_output()


def _let_go_of_output() -> None:
    """Throw away what nobody takes any more, which the interpreter would fail on as it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop_at_signals(clock: Clock) -> None:
    """Bring the run to an orderly end at the first signal, to a sudden one at the second.

    A thread that waits for signals, since a handler could interrupt whoever holds the clock's lock. Blocked signals
    reach the first process of a container too, which has no default handlers.
    """
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def wait() -> None:
        signal.sigwait(signals)
        clock.stop()
        os._exit(128 + signal.sigwait(signals))

    threading.Thread(target=wait, name="signals", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
