"""The site behind the CDN: one folder, served over HTTP as it lies on the disk; caching is left to the edge."""

import hashlib
import mimetypes
import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

from sandbox.clock import http_date
from sandbox.wire import Headers, Reply, Request


class Origin:
    """Answers with the files of a folder, and with nothing from outside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve(strict=True)

    def answer(self, request: Request) -> Reply:
        """Answer a GET or HEAD with the file, or with 404."""
        if request.method not in {"GET", "HEAD"}:
            return Reply(405, headers=Headers((("Allow", "GET, HEAD"),)))
        file = self._locate(request.target)
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

    def _locate(self, target: bytes) -> Path | None:
        path = unquote_to_bytes(target.partition(b"?")[0])
        if path.endswith(b"/"):
            path += b"index.html"
        root, *segments = path.split(b"/")
        # `//` and dot segments would be a second address for the same file, which a cache must not find here.
        if root or any(segment in {b"", b".", b".."} for segment in segments):
            return None
        try:
            file = self._folder.joinpath(*map(os.fsdecode, segments)).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):  # absent, a NUL or an endless name, a loop of links
            return None
        return file if file.is_relative_to(self._folder) and file.is_file() else None
