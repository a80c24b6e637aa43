"""The door that the runner opens: `python3 -I <here>/entrypoint.py`, everything through the environment."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# -I keeps the workspace's modules out, and this folder with them
sys.path.insert(0, str(Path(__file__).resolve().parent))

from ztpurge.clock import Clock
from ztpurge.main import run

if TYPE_CHECKING:
    from types import FrameType


def main() -> int:
    """Run the action in this process's environment and return its exit code."""
    clock = Clock()

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's form
        if clock.stopped():
            os._exit(128 + signum)
        clock.stop()

    # the first process of a container has no default handlers: SIGTERM would be ignored
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    return run(os.environ, sys.stdout, clock)


if __name__ == "__main__":
    sys.exit(main())
