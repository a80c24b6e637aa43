"""Runs ztpurge and writes down what only its own process can see: `inside.py peak|contexts FILE ENTRYPOINT`.

The peak of memory is VmHWM: what a parent is told of a child (`ru_maxrss`) is never less than the parent's own.
"""

import re
import runpy
import sys
from pathlib import Path

at, file, entrypoint = sys.argv[1:]
contexts = 0

if at == "contexts":
    import ssl

    make = ssl.SSLContext.__new__

    def count(cls: type[ssl.SSLContext], protocol: int | None = None) -> ssl.SSLContext:
        """Make a context, and count it."""
        global contexts  # noqa: PLW0603 - the one thing that this program keeps
        contexts += 1
        return make(cls, protocol)

    ssl.SSLContext.__new__ = count  # type: ignore[method-assign,assignment]

try:
    runpy.run_path(entrypoint, run_name="__main__")
finally:
    peak = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    Path(file).write_text(str(contexts if at == "contexts" else int(peak[0]) * 1024 / 1e6), encoding="utf-8")
