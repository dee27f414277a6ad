"""A hook of MkDocs: the files beside `docs/` that are pages of the site too, and the links between both."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from mkdocs.structure.files import File, Files

from docs.generate.paths import ROOT

# Names in the repository, and in the site.
PAGES = {"README.md": "index.md", "README.zh-CN.md": "zh-CN.md", "CHANGELOG.md": "changelog.md"}
# A link to a file, or a picture: its words, its file and its anchor.
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|`[^`]*`)*)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie at the top of the repository."""
    for name, uri in PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links that lead somewhere in the repository into links of the site.

    Of those to files that the site does not have the words stay.
    """
    uri = page.file.src_uri
    names = {uri: name for name, uri in PAGES.items()}
    here = names.get(uri, f"docs/{uri}")

    def linked(match: re.Match[str]) -> str:
        link = site_link(match[3], here)
        return f"{match[1]}[{match[2]}]({link}{match[4] or ''})" if link else match[2]

    return _LINK.sub(linked, markdown)


def site_link(link: str, here: str) -> str | None:
    """Give a link in the file `here` of the repository as one of the site, None where it has no such file.

    Both are paths with slashes, `here` from the top of the repository.
    """
    target = posixpath.normpath(posixpath.join(posixpath.dirname(here), link))
    inside = PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
    if inside is None:
        return None
    start = PAGES.get(here) or here.removeprefix("docs/")
    return posixpath.relpath(inside, posixpath.dirname(start) or ".")
