"""The site behind the CDN: one folder, served over HTTP as it lies on the disk; caching is left to the edge."""

import hashlib
import mimetypes
import os
import shutil
import threading
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote_to_bytes

from sandbox.clock import Clock, http_date
from sandbox.wire import Headers, Reply, Request


class Origin:
    """Answers with the files of a folder, and with nothing from outside it; while it is held, with those of a copy."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder.resolve(strict=True)
        self._clock = clock
        self._lock = threading.Lock()
        self._copy: TemporaryDirectory[str] | None = None
        self._until, self._answers = inf, inf

    def hold(self, *, seconds: float, answers: float) -> None:
        """Serve the folder as it is now, for so long or so many answers; one that is held stays at what it holds."""
        with self._lock:
            self._until, self._answers = self._clock() + seconds, answers
            if self._copy is None:
                self._copy = TemporaryDirectory(prefix="ztpurge-origin-")
                shutil.copytree(self._folder, self._copy.name, symlinks=True, dirs_exist_ok=True)

    def release(self) -> None:
        """Serve the folder as it lies there."""
        with self._lock:
            self._drop()

    def answer(self, request: Request) -> Reply:
        """Answer a GET or HEAD with the file, or with 404."""
        with self._lock:
            if self._copy is not None and (self._answers <= 0 or self._clock() >= self._until):
                self._drop()
            self._answers -= 1
            return _answer(request, self._folder if self._copy is None else Path(self._copy.name).resolve())

    def answer_from_folder(self, request: Request) -> Reply:
        """Answer as if it was not held."""
        return _answer(request, self._folder)

    def _drop(self) -> None:
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None


def _answer(request: Request, folder: Path) -> Reply:
    if request.method not in {"GET", "HEAD"}:
        return Reply(405, headers=Headers((("Allow", "GET, HEAD"),)))
    file = _locate(request.target, folder)
    if file is None:
        return Reply(404, headers=Headers((("Content-Type", "text/plain"),)), body=b"not found\n")
    body = file.read_bytes()
    media_type, _ = mimetypes.guess_type(f"name{file.suffix}")
    headers = (
        ("Content-Type", media_type or "application/octet-stream"),
        ("ETag", f'"{hashlib.sha256(body).hexdigest()[:32]}"'),
        ("Last-Modified", http_date(file.stat().st_mtime)),
        ("Content-Length", str(len(body))),
    )
    return Reply(200, headers=Headers(headers), body=body)


def _locate(target: bytes, folder: Path) -> Path | None:
    path = unquote_to_bytes(target.partition(b"?")[0])
    if path.endswith(b"/"):
        path += b"index.html"
    root, *segments = path.split(b"/")
    # `//` and dot segments would be a second address for the same file, which a cache must not find here.
    if root or any(segment in {b"", b".", b".."} for segment in segments):
        return None
    try:
        file = folder.joinpath(*map(os.fsdecode, segments)).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # absent, a NUL or an endless name, a loop of links
        return None
    return file if file.is_relative_to(folder) and file.is_file() else None
