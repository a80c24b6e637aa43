"""The door that the runner opens: `python3 -I <here>/entrypoint.py`, everything through the environment."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from pathlib import Path

# -I keeps the workspace's modules out, and this folder with them
sys.path.insert(0, str(Path(__file__).resolve().parent))

from ztpurge.calls.clock import Clock
from ztpurge.main import run
from ztpurge.runner import open_log


def main() -> int:
    """Run the action in this process's environment and return its exit code."""
    clock = Clock()
    _stop_at_signals(clock)
    # closed, it is None; a file that is opened later must not take its place
    number = os.open(os.devnull, os.O_WRONLY) if sys.stdout is None else sys.stdout.fileno()
    sys.stdout = open_log(number, clock.stopped)
    try:
        return run(os.environ, sys.stdout, clock)
    finally:
        _let_go_of_output()
        gc.freeze()  # as it ends, the interpreter would look through all that was imported: 10 ms and more


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
