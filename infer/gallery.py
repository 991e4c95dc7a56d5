"""Writes a page of the videos in a folder, side by side by method and prompt, with their scores.

One static file beside the videos, for any browser, without a server: open it from the disk. Scores
are those that `python -m infer compare` left beside the videos.
"""

import argparse
from pathlib import Path

from .options import parser, refuse
from .outputs import target_troubles

PROGRAM = "gallery"
NOTES = "Exit status: 0, 2 for a mistake in what was asked."


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    out = options.folder / "index.html"
    refuse(target_troubles([out], options.force, "folder") if options.folder.is_dir() else [])
    from vinf_jax.media.target import replacing

    from .films import films
    from .gallery_page import page

    found = [film for film in films(options.folder) if film.path.is_file()]
    with replacing(out, options.force) as temporary:
        temporary.write_text(page(options.folder, found, options.title), encoding="utf-8")
    print(f"written: {out}, a page of {len(found)} videos; open it in a browser")
    return 0


def _parser() -> argparse.ArgumentParser:
    to = parser(PROGRAM, __doc__, NOTES)
    to.add_argument("folder", type=Path, help="of compare, or any with videos and their records")
    to.add_argument("--title", default="Long videos, method by method", help="of the page")
    to.add_argument("--force", action="store_true", help="replace the page that is there")
    return to
