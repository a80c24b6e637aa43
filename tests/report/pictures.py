"""Summaries of all situations, written anew to be looked at: `python -m tests.report.pictures` (`make screenshots`).

The Markdown goes to `summaries/`; where Chromium is there, pictures in GitHub's style go to `build/pictures`, light and
dark, and those of the README to `docs/pictures`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cmarkgfm
from cmarkgfm.cmark import Options

from tests.report.situations import situations
from ztpurge.report.markdown import render_summary

TOP = Path(__file__).resolve().parents[2]
STYLES = TOP / "lint/node_modules/github-markdown-css"
OF_THE_README = {"all well": 475}  # and how much of it is shown, in pixels
BACKGROUNDS = {"light": "#ffffff", "dark": "#0d1117"}
WIDTH = 1012  # of a summary on GitHub


def page(markdown: str, theme: str) -> str:
    """Return a page that looks like a run's summary on GitHub."""
    css = (STYLES / f"github-markdown-{theme}.css").read_text(encoding="utf-8")
    body = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
    own = f"body {{ margin: 0; background: {BACKGROUNDS[theme]} }} .markdown-body {{ padding: 24px }}"
    return f'<!doctype html><meta charset="utf-8"><style>{css}{own}</style><article class="markdown-body">{body}'


def take(html: str, target: Path, *, browser: str, height: int) -> None:
    """Take a picture of a page."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "page.html")
        source.write_text(html, encoding="utf-8")
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                *(f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{height}"),
                *(f"--screenshot={target}", source.as_uri()),
            ],
            check=True,
            capture_output=True,
        )


def main() -> int:
    """Write the summaries and, where that can be, their pictures."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    for name, document in situations().items():
        markdown = render_summary(document)
        if name != "10,000 URLs":
            Path(__file__).with_name("summaries").joinpath(f"{name}.md").write_text(markdown, encoding="utf-8")
        for theme in BACKGROUNDS if browser and STYLES.is_dir() else ():
            html = page(markdown, theme)
            take(html, TOP / f"build/pictures/{name}-{theme}.png", browser=str(browser), height=1400)
            if name in OF_THE_README:
                picture = TOP / f"docs/pictures/summary-{theme}.png"
                take(html, picture, browser=str(browser), height=OF_THE_README[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
