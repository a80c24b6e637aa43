"""URLs -> what each must serve once it is fresh: a file's content, nothing any more, or something nobody can tell.

Pure. Which file is behind a URL is known from the site; what the commit or the build output holds there is handed in.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.changes.contents import Content, Unknown
from ztpurge.site.mapping import sources_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ztpurge.site.mapping import Site


@dataclass(frozen=True, slots=True)
class Gone:
    """The file is not there any more; `is_folder`: it was the index of a folder, which may still be there."""

    is_folder: bool = False


Expected = Content | Gone | Unknown


def expect(
    purged: Iterable[str], given: frozenset[str], site: Site, files: Mapping[str, Content | Unknown]
) -> dict[str, Expected]:
    """Tell what each purged URL must serve, by the files of the repository at the paths that `paths_behind` names.

    `given`: URLs that the user named, which need not be a file's.
    """
    return {url: _expect(url, site, files, is_given=url in given) for url in purged}


def paths_behind(urls: Iterable[str], site: Site) -> frozenset[str]:
    """Return the paths, in the repository, of every file that may be served under one of the URLs."""
    return frozenset(path for url in urls for path in sources_of(site, url))


def _expect(url: str, site: Site, files: Mapping[str, Content | Unknown], *, is_given: bool) -> Expected:
    sources = sources_of(site, url)
    for path in sources:
        if path in files:
            return files[path]
    if is_given or not sources:
        return Unknown("no file is known behind it")
    # the clean URL of a folder has no ending, and other sources than its own name
    is_clean_folder = len(sources) > 1 and bool(site.index_files) and not posixpath.splitext(sources[0])[1]
    return Gone(is_folder=url.endswith("/") or is_clean_folder or f"{url}/" in site.base_urls)
