"""Decodes a data set once into an array of frames, for training without codecs or with few cores.

OUT.npy holds the frames as squares of bytes, OUT.json beside it the names; a config then says
kind "array" and folder OUT.npy, where {split} stands for train and test. Training on it gives the
same numbers as training on the files.
Videos that cannot be used are named and left out, or refused with --on-bad refuse.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from vinf_jax.programs import parser


def main(argv: list[str]) -> int:
    from vinf_jax.media import clip_sources, target
    from vinf_jax.media.clips import Clips, open_clips
    from vinf_jax.media.storing import store

    to = parser("python -m train prepare", __doc__)
    kinds = [kind for kind in clip_sources.KINDS if kind != "array"]
    to.add_argument("out", type=Path, metavar="OUT.npy", help="the file to write")
    to.add_argument("--kind", choices=kinds, required=True, help="layout of the data set")
    to.add_argument("--folder", type=Path, help="where the data set lies")
    to.add_argument("--split", choices=clip_sources.SPLITS, default="train", help="which part")
    to.add_argument("--size", type=int, required=True, help="side of the squares in pixels")
    to.add_argument(
        "--shortest", type=int, default=16, help="frames that a video needs (default: 16)"
    )
    to.add_argument("--longest", type=int, help="frames of a video that are kept, its first ones")
    to.add_argument("--on-bad", choices=("skip", "refuse"), default="skip", help="bad videos")
    to.add_argument("--workers", type=int, default=0, help="processes that decode (default: none)")
    to.add_argument("--force", action="store_true", help="replace OUT.npy and OUT.json")
    options = to.parse_args(argv)
    target.check_target(options.out, options.force)
    clips: Clips = open_clips(
        options.kind,
        options.folder,
        frames=options.shortest,
        size=options.size,
        split=options.split,
        on_bad=options.on_bad,
        workers=options.workers,
    )
    troubles = store(
        options.out,
        clips,
        longest=options.longest,
        workers=options.workers,
        overwrite=options.force,
        done=_progress(len(clips)),
    )
    for name, reason in troubles.items():
        print(f"left out: {name}: {reason}")
    size = options.out.stat().st_size / 1e9
    print(f"{options.out}: {options.kind} {options.split}, {size:,.2f} GB")
    return 0


def _progress(total: int) -> Callable[[int], None]:
    """Says every twentieth of the way how far it is."""

    def said(count: int) -> None:
        if count * 20 // total > (count - 1) * 20 // total:
            print(f"{count:,} of {total:,} videos", file=sys.stderr)

    return said
