"""What the public classes say to our exports, with the versions that said it.

    python -m benchmarks.interoperability --out benchmarks/interoperability.json

Needs torch, diffusers and transformers beside this project. Exports small models as diffusers
folders, loads them strictly into the public classes and compares outputs; compares names and shapes
at VideoCrafter2's full size. The same is a test where torch is installed
(tests/parity/test_interoperability.py).
"""

import argparse
import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from convert import exports, model
from tests.convert import sources
from tests.parity import interoperability as public
from vinf_jax.checkpoint.safetensors_file import write_safetensors

LIBRARIES = ("torch", "diffusers", "transformers", "jax", "flax", "numpy")
COMMAND = "python -m benchmarks.interoperability --out benchmarks/interoperability.json"


def main() -> None:
    """Measures and writes the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    record = {
        "command": COMMAND,
        "machine": f"{platform.machine()}, Python {platform.python_version()}, CPU",
        "versions": {name: version(name) for name in LIBRARIES},
        "full size": {
            "VideoCrafter2": {part: _full_size(part, True) for part in public.CLASSES},
            "ModelScope, zeroscope": {"unet": _full_size("unet", False)},
        },
        "small": {
            "VideoCrafter2": _small(public.VIDEOCRAFTER),
            "ModelScope, zeroscope": _small(public.MODELSCOPE),
        },
    }
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(options.out.read_text())


def _full_size(part: str, fps: bool) -> dict[str, Any]:
    """Names and shapes of our export against those of the class, without numbers."""
    ours, theirs = public.full_size(part, fps)
    return {
        "class": ".".join(public.CLASSES[part]),
        "tensors of the export": len(ours),
        "of the same name and shape": sum(theirs.get(n) == shape for n, shape in ours.items()),
        "only in the class": sorted(set(theirs) - set(ours)),
        "only in the export": sorted(set(ours) - set(theirs)),
    }


def _small(arguments) -> dict[str, Any]:
    """A lvdm file, exported as a diffusers folder, in the public classes."""
    arrays = public.numbers(arguments)
    with tempfile.TemporaryDirectory() as root:
        file, folder = Path(root) / "model.safetensors", Path(root) / "out"
        write_safetensors(file, sources.lvdm(arrays, arguments))
        folder.mkdir()
        exports.write_diffusers(model.read(file), folder, lambda name, x: None)
        inside = {part: folder / sources.FOLDERS[part] for part in public.CLASSES}
        return {
            "from_pretrained": {p: public.from_pretrained(p, at) for p, at in inside.items()},
            "load_state_dict, strict, without": {
                part: public.strictly(part, at)[1] for part, at in inside.items()
            },
            "largest difference of outputs, float32": public.differences(arguments, arrays, folder),
        }


if __name__ == "__main__":
    main()
