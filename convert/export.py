"""Writes a model in another project's layout, whole or not at all.

lvdm: one safetensors file DST with the names of VideoCrafter's checkpoints; what an import kept
comes back in it. diffusers: a folder DST with configs and safetensors. pvdm: a folder DST with a
safetensors file for each of PVDM's networks. SRC is a model folder, or anything that can be
imported. Exit status: 0, 2 for anything that does not fit, 130 when stopped.
"""

import argparse
from pathlib import Path

from .options import LAYOUTS, SOURCE, add_target, parser, refuse_to_replace
from .progress import Bar

FOLDERS = {
    "diffusers": lambda exports: exports.write_diffusers,
    "pvdm": lambda exports: exports.write_pvdm,
}
"""What writes the layouts that are folders."""


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    target = options.target
    if options.layout == "lvdm" and target.suffix != ".safetensors":
        raise ValueError(
            f"{target}: the layout lvdm is one file; name it {target.stem}.safetensors"
        )
    from vinf_jax.checkpoint import store

    from . import exports, hub, model

    refuse_to_replace(target, options.force, options.path, exports.foreign)
    source = model.read(
        hub.local(options.path, None, options.variant).path, variant=options.variant
    )
    if options.layout not in source.family.layouts:
        able = " or ".join(source.family.layouts)
        raise ValueError(
            f"{options.path} is a {source.family.name}; --layout {able} writes it, not "
            f"{options.layout}"
        )
    with Bar(f"export {target.name}", source.bytes) as bar:
        if options.layout == "lvdm":
            target.parent.mkdir(parents=True, exist_ok=True)
            homeless = exports.write_lvdm(source, target, bar.told)
        else:
            with store.whole(target) as folder:
                folder.mkdir()
                FOLDERS[options.layout](exports)(source, folder, bar.told)
            homeless = []
    parts = ", ".join(source.arguments)
    print(f"{target}: {options.layout}, {len(source.shapes)} arrays of {parts}")
    print(f"  {len(source.kept) - len(homeless)} kept tensors of the source are in it")
    if options.layout == "pvdm" and "unet" in source.arguments:
        said = source.settings.prediction
        if said != "epsilon":
            print(f"  its UNet says {said}, which PVDM's own code would take for noise")
        if source.arguments["unet"].get("positions"):
            print("  its UNet knows where tokens lie, which PVDM's own code has no arrays for")
    if options.layout == "diffusers" and not source.vocabulary:
        print("  without a tokenizer: SRC has none of CLIP's kind")
    if homeless:
        print(f"  no place in this layout: {', '.join(homeless)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    to = parser("export", __doc__, SOURCE.replace("PATH", "SRC"))
    to.add_argument("path", type=Path, metavar="SRC", help="what is read")
    add_target(to, "the file (lvdm) or folder (diffusers, pvdm)")
    to.add_argument("--layout", choices=LAYOUTS, required=True, help="of what is written")
    to.add_argument("--variant", metavar="NAME", help="of weights in folders of SRC, such as fp16")
    return to
