"""What a file holds, without its bytes: a digest and a size, to compare with what edges serve and builds make."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import hashlib

MOST_BYTES = 1 << 30  # what is larger is not fetched to be compared
MOST_BYTES_UNKNOWN = 16 << 20  # git's ids begin with the size: where nobody tells it, a body is kept until it is whole
POINTER_BYTES = 1024  # Git LFS: "pointer files must be less than 1024 bytes in size"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,18})\n"
)


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes by their digest: git's blob id (SHA-1 or SHA-256) or their SHA-256; `size` in bytes if known."""

    digest: str
    size: int | None
    is_blob: bool = False

    @property
    def may_be_pointer(self) -> bool:
        """Whether the file may be a pointer of Git LFS, in whose place another file is served."""
        return self.is_blob and (self.size is None or self.size < POINTER_BYTES)

    def hasher(self, size: int) -> hashlib._Hash:
        """Return what hashes a body of `size` bytes to compare with `digest`."""
        import hashlib  # noqa: PLC0415 - 5 ms that only runs which compare need

        if not self.is_blob:
            return hashlib.sha256()
        # gitformat-objects: the id is that of the header and the content; git's own choice of algorithm
        name = "sha1" if len(self.digest) == 40 else "sha256"
        return hashlib.new(name, b"blob %d\0" % size, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a URL must serve cannot be told, and why; `is_failure`: it could have been, had nothing failed."""

    reason: str
    is_failure: bool = False


def parse_pointer(data: bytes) -> Content | None:
    """Read a pointer of Git LFS: the content that is served in its place; None if it is none.

    See the specification of Git LFS, "The Pointer".
    """
    found = _POINTER.fullmatch(data) if len(data) < POINTER_BYTES else None
    return Content(found[1].decode(), int(found[2])) if found else None
