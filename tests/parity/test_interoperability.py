"""What we export, loaded by the public classes: every tensor has its place and means the same."""

import pytest

from convert.__main__ import PROGRAMS
from tests.convert import sources
from tests.parity import interoperability as public
from tests.tolerances import BLOCK
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.programs import choose

pytest.importorskip("torch", reason="compared with the public classes where they are installed")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", params=["VIDEOCRAFTER", "MODELSCOPE"])
def exported(request, tmp_path_factory):
    """(arguments, arrays, diffusers folder), by way of a lvdm file."""
    arguments = getattr(public, request.param)
    arrays = public.numbers(arguments)
    root = tmp_path_factory.mktemp(request.param)
    write_safetensors(root / "model.safetensors", sources.lvdm(arrays, arguments))
    words = ["export", str(root / "model.safetensors"), str(root / "out"), "--layout", "diffusers"]
    assert choose(PROGRAMS, "convert", words) == 0
    return arguments, arrays, root / "out"


@pytest.mark.parametrize("part", public.CLASSES)
def test_public_classes_take_every_tensor(part, exported):
    arguments, _, folder = exported
    fps = part == "unet" and arguments["unet"]["fps_conditioned"]
    _, extra = public.strictly(part, folder / sources.FOLDERS[part])
    assert extra == (public.FPS if fps else [])
    said = public.from_pretrained(part, folder / sources.FOLDERS[part])
    assert said == {"missing_keys": [], "unexpected_keys": extra, "mismatched_keys": []}


@pytest.mark.parametrize("part", public.CLASSES)
def test_names_and_shapes_at_full_size(part):
    ours, theirs = public.full_size(part)
    beyond = {name: ours.pop(name) for name in public.FPS if name in ours}
    assert len(beyond) == (4 if part == "unet" else 0)
    assert ours == theirs


def test_public_classes_compute_the_same(exported):
    arguments, arrays, folder = exported
    differences = public.differences(arguments, arrays, folder)
    assert differences.keys() == public.CLASSES.keys()
    assert max(differences.values()) < BLOCK, differences
