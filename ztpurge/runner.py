"""Door to the runner: its files, its log commands and standard output.

What is said is decided elsewhere; here it is escaped, so that no text from outside can speak to the runner.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import posixpath
import select
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO
from urllib.parse import quote, quote_plus

from ztpurge.errors import ZtpurgeError
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ztpurge.errors import Position

Level = Literal["error", "warning", "notice"]
MAX_ANNOTATIONS = 10  # of a level and step; the runner drops the rest
_MAX_LIST = 64 << 20  # bytes; a million names
_MAX_CONFIGURATION = 1 << 20  # bytes; a thousand sites
_MAX_MANIFEST = 256 << 20  # bytes; two million files
_SHOWN = 200  # characters of a name that is no path
_MAX_MESSAGE = 4000  # characters; the runner cuts at 4096

_PATIENCE = 5.0  # seconds without a byte taken
_PATIENCE_AT_STOP = 2.0  # seconds in all: the report is to be written before the runner kills the run
_GLANCE = 100  # milliseconds between two looks at whether the run is to stop
_PIECE = 4096  # bytes: PIPE_BUF of Linux, which a pipe that is ready takes without making its writer wait


def open_log(number: int, is_stopped: Callable[[], bool]) -> io.TextIOWrapper:
    """Return a text stream to a file descriptor, which stays open; writing raises OSError if nobody takes it."""
    raw = io.BufferedWriter(_PatientWriter(number, is_stopped))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="\n")


class _PatientWriter(io.RawIOBase):
    """Writes to a descriptor when that is ready, and waits only so long for it: a full pipe would block for ever."""

    def __init__(self, number: int, is_stopped: Callable[[], bool]) -> None:
        self._number = number
        self._is_stopped = is_stopped
        self._left = _PATIENCE
        self._ready = select.poll()
        self._ready.register(number, select.POLLOUT)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def write(self, data: Any) -> int:  # noqa: ANN401 - as io.RawIOBase has it
        while not self._ready.poll(0):
            if self._is_stopped():
                self._left = min(self._left, _PATIENCE_AT_STOP)
            if self._left <= 0:
                raise TimeoutError("nobody reads the log")
            began = time.monotonic()
            self._ready.poll(_GLANCE)
            self._left -= time.monotonic() - began
        if not self._is_stopped():
            self._left = _PATIENCE
        return os.write(self._number, memoryview(data)[:_PIECE])


class Runner:
    """The runner that started this step, as its environment describes it."""

    def __init__(self, environ: Mapping[str, str], out: TextIO) -> None:
        self._environ = environ
        self._out = out
        self._lock = threading.Lock()  # a token is masked by the worker that got it
        self._is_folding = False
        self._annotated = Counter[Level]()

    def mask(self, secret: str) -> None:
        """Have the runner blot out a secret, line by line and URL-encoded too, in all that is printed from here on.

        Only where there is a runner (act, Gitea and Forgejo say so, too): elsewhere this would print the secret.
        """
        if self._environ.get("GITHUB_ACTIONS") != "true":
            return
        for line in filter(None, map(str.strip, secret.splitlines())):
            data = line.encode("utf-8", "surrogateescape")
            for spelling in dict.fromkeys((line, quote(data, safe=""), quote_plus(data))):
                self._write(f"::add-mask::{_escape(spelling)}")

    def say(self, text: str = "") -> None:
        """Print one line of the log."""
        self._write(for_log(text))

    def say_openly(self, text: str) -> None:
        """Print a line that nobody may miss: a group that is open ends before it, and what follows stays in sight."""
        self._write(for_log(text), openly=True)

    @property
    def is_debugging(self) -> bool:
        """Whether debug logging is on."""
        return self._environ.get("RUNNER_DEBUG") == "1"

    def detail(self, text: str) -> None:
        """Print a line that is shown when debug logging is on."""
        if self.is_debugging:
            self._write(f"::debug::{_escape(for_log(text, limit=_MAX_MESSAGE))}")

    @contextlib.contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold the lines that are printed meanwhile away under a title; the runner knows no group within a group."""
        self._write(f"::group::{_escape(for_log(title))}", openly=True, folding=True)
        try:
            yield
        finally:
            self._write(openly=True)

    def fold(self, title: str, lines: Iterable[str]) -> None:
        """Print lines at once, folded away under a title."""
        self._write(f"::group::{_escape(for_log(title))}", *map(for_log, lines), "::endgroup::", openly=True)

    def annotate(self, level: Level, title: str, message: str, *, at: Position | None = None) -> None:
        """Put a message on the run's page, beside a file or a line of it if it is about one; it ends an open group."""
        where = {"file": at.file} if at else {}
        if at and at.line:
            where |= {"line": str(at.line), "col": str(at.column)}
        where["title"] = title
        properties = ",".join(f"{name}={_escape_property(for_log(text))}" for name, text in where.items())
        self._annotated[level] += 1
        self._write(f"::{level} {properties}::{_escape(for_log(message, limit=_MAX_MESSAGE))}", openly=True)

    def room_for(self, level: Level) -> int:
        """Return how many further annotations of a level are kept."""
        return max(MAX_ANNOTATIONS - self._annotated[level], 0)

    @property
    def run_page(self) -> str:
        """The address of the run's page, nothing if the environment does not tell."""
        server, repository, run, number = (
            self._environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID", "RUN_NUMBER")
        )
        if not (server and repository and run):
            return ""
        runs = f"{server}/{repository}/actions"
        if self._environ.get("FORGEJO_ACTIONS") == "true":  # its pages have another number than GitHub's
            return f"{runs}/runs/{number}" if number else runs
        # Gitea changed from that number to the id with 1.26, and does not tell its version: see its issue 28621
        return runs if self._environ.get("GITEA_ACTIONS") == "true" else f"{runs}/runs/{run}"

    def set_outputs(self, outputs: Mapping[str, str]) -> None:
        """Hand values to later steps; without GITHUB_OUTPUT there is nobody to hand them to.

        One write of `name<<delimiter` entries without blank lines between them, which act and Forgejo need too.
        """
        entries = []
        for name, value in outputs.items():
            delimiter = f"ztpurge-{os.urandom(16).hex()}"
            if delimiter in value or any(mark in name for mark in ("=", "<<", "\n")):
                raise ValueError(name)
            entries.append(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")
        self._append("GITHUB_OUTPUT", "".join(entries))

    def write_summary(self, markdown: str) -> bool:
        """Show Markdown on the run's page; return whether there is a GITHUB_STEP_SUMMARY that takes it."""
        return self._append("GITHUB_STEP_SUMMARY", markdown)

    def read_list(self, name: str) -> bytes:
        """Return what a list holds, under the workspace or RUNNER_TEMP; raise ZtpurgeError if it cannot be read."""
        folders = [self.workspace, *map(Path, filter(None, [self._environ.get("RUNNER_TEMP")]))]
        try:
            path = self._inside(name, "workspace or RUNNER_TEMP", *folders)
            if not path.is_file():
                raise ZtpurgeError(
                    f"there is no file {name!r}",
                    remedy="Write its path relative to the workspace; the container does not see the runner's own "
                    "folders",
                )
            return _read(path, _MAX_LIST)
        except OSError as error:
            raise ZtpurgeError(f"{name!r} cannot be read ({error.strerror})") from error

    def file_to_write(self, name: str) -> Path:
        """Return the path of a file that may be written, under the workspace; raise ZtpurgeError if it may not."""
        path = self._inside(name, "workspace", self.workspace)
        if path.is_dir() or path == self.workspace:
            raise ZtpurgeError(f"{name!r} is a folder", remedy="Name a file")
        if ".git" in path.relative_to(self.workspace).parts:
            raise ZtpurgeError(f"{name!r} is git's", remedy="Name another file")
        return path

    def write_file(self, name: str, text: str) -> None:
        """Write a file whole or not at all; raise ZtpurgeError if that fails."""
        import tempfile  # noqa: PLC0415 - 3 ms that only runs which write a file need

        path = self.file_to_write(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".ztpurge-") as folder:
                part = Path(folder, "part")
                part.write_text(text, encoding="utf-8")
                part.replace(path)
        except OSError as error:
            raise ZtpurgeError(f"{name!r} cannot be written ({error.strerror})") from error

    def read_manifest(self, name: str) -> bytes | None:
        """Return what a manifest holds, None if there is none yet; raise ZtpurgeError if it cannot be read."""
        path = self.file_to_write(name)
        try:
            if path.exists() and not path.is_file():
                raise ZtpurgeError(f"{name!r} is not a file", remedy="Name a file")
            return _read(path, _MAX_MANIFEST) if path.exists() else None
        except OSError as error:
            raise ZtpurgeError(f"{name!r} cannot be read ({error.strerror})") from error

    def read_event(self) -> dict[str, Any]:
        """Return the payload of the event, empty if the runner gives none; raise ZtpurgeError if it cannot be read."""
        name = self._environ.get("GITHUB_EVENT_PATH")
        if not name:
            return {}
        try:
            payload = json.loads(Path(name).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise ZtpurgeError(f"the event's payload cannot be read ({error})", place="GITHUB_EVENT_PATH") from error
        return payload if isinstance(payload, dict) else {}

    def read_configuration(self, name: str, *, may_lack: bool) -> bytes | None:
        """Return what a file of the workspace holds; raise ZtpurgeError if it cannot be read.

        None if it `may_lack` and is not there.
        """
        path = self.file_to_write(name)
        try:
            if may_lack and not os.path.lexists(self.workspace / name):
                return None
            if not path.is_file():
                raise ZtpurgeError(
                    f"there is no file {name!r}",
                    remedy="Check the repository out, and write the file's path from its top",
                )
            return _read(path, _MAX_CONFIGURATION)
        except OSError as error:
            raise ZtpurgeError(f"{name!r} cannot be read ({error.strerror})") from error

    def files_in(self, folder: str) -> tuple[str, ...]:
        """Return the paths of the files right in a folder of the workspace, none if there is no such folder."""
        try:
            with os.scandir(self.workspace / folder) as entries:
                return tuple(sorted(posixpath.join(folder, entry.name) for entry in entries if entry.is_file()))
        except OSError:  # there need not be a checkout
            return ()

    @property
    def workspace(self) -> Path:
        """The folder that the runner checks repositories out into."""
        return Path(self._environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()

    def _inside(self, name: str, where: str, *folders: Path) -> Path:
        try:
            name.encode()  # outputs and reports, which name it, are UTF-8
            path = (self.workspace / name).resolve()
            # the file system itself says which names it cannot have, those of folders to be made too
            for place in (path, *(self.workspace / part for part in path.parts[1:])):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    place.lstat()
        except (OSError, ValueError, RuntimeError) as error:
            why = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
            shown = repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}... ({len(name)} characters)"
            raise ZtpurgeError(f"{shown} is not a path{why}", remedy="Name a file in the workspace") from error
        if not any(path.is_relative_to(folder.resolve()) for folder in folders):
            raise ZtpurgeError(f"{name!r} is outside the {where}", remedy="Name a file inside it")
        return path

    def _append(self, variable: str, text: str) -> bool:
        name = self._environ.get(variable)
        if not name or not text:
            return False
        try:
            with Path(name).open("a", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            self.annotate("warning", "ztpurge", f"{variable} cannot be written ({error.strerror}); the run goes on")
            return False
        return True

    def _write(self, *lines: str, openly: bool = False, folding: bool = False) -> None:
        """Print lines, `openly` after the end of a group that is open; they may begin one themselves (`folding`)."""
        with self._lock:
            if openly and self._is_folding:
                lines = ("::endgroup::", *lines)
            self._is_folding = folding or (self._is_folding and not openly)
            # a log that nobody takes any more (a full disk, a reader that has left) is no reason to lose the outputs
            with contextlib.suppress(OSError, ValueError):
                self._out.write("".join(f"{one}\n" for one in lines))
                self._out.flush()


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ZtpurgeError(f"{path.name!r} is longer than {most >> 20} MiB", remedy="Is it the right file?")
    return data


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
