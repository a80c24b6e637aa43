"""URLs -> what each must serve once it is fresh: a file's content, nothing any more, or something nobody can tell.

Pure. Which files may be behind a URL is known from the site; what the commit or the build output holds is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.changes.contents import Content, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.site.mapping import Candidates


@dataclass(frozen=True, slots=True)
class Gone:
    """The file is not there any more; `is_folder`: it was an index or a page, and a folder may still be there."""

    is_folder: bool = False


Expected = Content | Gone | Unknown


def expect(candidates: Mapping[str, Candidates], files: Mapping[str, Content | Unknown]) -> dict[str, Expected]:
    """Tell what each URL must serve, by the files that the repository has at the paths of its candidates."""
    expected: dict[str, Expected] = {}
    for url, behind in candidates.items():
        there = [path for path in behind.paths if path in files]
        if there:
            expected[url] = files[there[0]]
        elif behind.kind == "given" or not behind.paths:
            expected[url] = Unknown("no file is known behind it")
        else:
            expected[url] = Gone(is_folder=behind.kind == "folder")
    return expected
