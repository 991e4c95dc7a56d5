"""PVDM's files in and out, at a narrow width; the tables against the public key lists at full."""

import ast
import json

import numpy as np
import pytest

from convert import model, pvdm_autoencoder, pvdm_unet, translation
from convert.__main__ import PROGRAMS
from tests.checkpoint.torch_files import state_dict, write_zip
from tests.paths import DATA
from tests.tiny_pvdm import tiny_pvdm
from vinf_jax.checkpoint.mapping import export, source_shapes
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.torch_file import open_tensors
from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.models.pvdm_unet import PVDMUNet
from vinf_jax.nn.parameters import abstract, flat
from vinf_jax.nn.rotary import frame_frequencies, patch_scales, places
from vinf_jax.programs import choose
from vinf_jax.systems import pvdm
from vinf_jax.systems.pvdm import folder

AUTOENCODER = {
    "size": [16, 24],
    "frames": 4,
    "patch": 4,
    "width": 32,
    "latent_channels": 4,
    "layers": 1,
    "heads": 8,
    "head_size": 8,
    "plane_layers": 1,
    "plane_heads": 4,
    "plane_head_size": 4,
    "plane_inner": 24,
}
UNET = {
    "latent_channels": 4,
    "channels": [32, 64],
    "layers": 1,
    "attention": [True, False],
    "heads": 8,
    "norm_groups": 32,
    "positions": False,
}
PLANES = [4, 4, 6]
TABLES = {
    "autoencoder": pvdm_autoencoder.table(layers=1, plane_layers=1),
    "unet": pvdm_unet.table(channels=(32, 64), layers=1, attention=(True, False)),
}
BUFFERS = {
    "coords": places(4)[:, None],
    "encoder.frame_rot_emb.inv_freqs": frame_frequencies(8),
    "encoder.image_rot_emb.scales": patch_scales(8),
    "decoder.frame_rot_emb.inv_freqs": frame_frequencies(8),
    "decoder.image_rot_emb.scales": patch_scales(8),
}
ZEROS = {"zeros": np.zeros((1, 4, 2048), np.float32)}


def run(*words) -> int:
    return choose(PROGRAMS, "convert", [str(word) for word in words])


def drawn(part, arguments):
    shapes = translation.target(part, json.dumps(arguments), "PVDM model")
    rng = np.random.default_rng(len(part))
    return {name: rng.standard_normal(x.shape, np.float32) for name, x in shapes.items()}


@pytest.fixture(scope="module")
def arrays():
    """Ours, by component."""
    unet = UNET | {"planes": PLANES}
    return {"autoencoder": drawn("autoencoder", AUTOENCODER), "unet": drawn("unet", unet)}


@pytest.fixture(scope="module")
def files(arrays):
    """The public names, by component."""
    plain = {part: export(TABLES[part], arrays[part]) for part in arrays}
    unet = {f"diffusion_model.{name}": x for name, x in (plain["unet"] | ZEROS).items()}
    return {"autoencoder": plain["autoencoder"] | BUFFERS, "unet": unet}


@pytest.fixture(scope="module")
def both(files, tmp_path_factory):
    """A folder with the two files of a model, as torch.save wrote them."""
    folder = tmp_path_factory.mktemp("pvdm")
    for name, part in (("model_last.pth", "autoencoder"), ("ema_model_850000.pth", "unet")):
        write_zip(folder / name, state_dict(files[part]))
    return folder


@pytest.fixture(scope="module")
def imported(both, tmp_path_factory):
    target = tmp_path_factory.mktemp("imported") / "m"
    assert run("import", both, target) == 0
    return target


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, x in wanted.items():
        assert found[name].dtype == x.dtype and np.array_equal(found[name], x), name


def listed(file):
    """(parameters, everything): shapes by public name."""
    lines = [line.split("\t") for line in (DATA / file).read_text().splitlines()]
    everything = {name: ast.literal_eval(shape) for name, shape in lines}
    ends = ("zeros", "coords", "inv_freqs", "scales")
    return {n: s for n, s in everything.items() if not n.endswith(ends)}, everything


def parameters_of(shapes):
    return sum(int(np.prod(shape)) for shape in shapes.values())


def test_autoencoder_has_every_key():
    wanted, everything = listed("pvdm_ae_keys.tsv")
    ours = flat(abstract(lambda rngs: PVDMAutoencoder(rngs=rngs)))
    assert source_shapes(pvdm_autoencoder.table(), ours) == wanted
    assert sum(x.size for x in ours.values()) == parameters_of(wanted) == 62_064_399
    sizes = {"head_size": 64, "frames": 16}
    buffers = {name: x.shape for name, x in pvdm_autoencoder.buffers(sizes).items()}
    assert wanted | buffers == everything
    assert all(x.dtype == np.float32 for x in pvdm_autoencoder.buffers(sizes).values())
    told = pvdm_autoencoder.arguments(translation.Sizes(everything))
    assert flat(abstract(lambda rngs: PVDMAutoencoder(**told, rngs=rngs))).keys() == ours.keys()
    assert (told["size"], told["head_size"], told["plane_head_size"]) == ([256, 256], 64, 48)


def test_unet_has_every_key():
    wanted, everything = listed("pvdm_unet_keys.tsv")
    ours = flat(abstract(lambda rngs: PVDMUNet(rngs=rngs)))
    rows = source_shapes(pvdm_unet.table(), ours)
    assert {f"diffusion_model.{name}": shape for name, shape in rows.items()} == wanted
    assert sum(x.size for x in ours.values()) == parameters_of(wanted) == 528_273_412
    bare = {name.removeprefix("diffusion_model."): shape for name, shape in everything.items()}
    told = pvdm_unet.arguments(translation.Sizes(bare))
    zeros = pvdm_unet.buffers(told | {"planes": pvdm_unet.PLANES})["zeros"]
    assert rows | {"zeros": zeros.shape} == bare
    assert told["channels"] == [256, 512, 1024, 1024] and told["layers"] == 2
    assert told["attention"] == [True, True, True, False] and told["latent_channels"] == 4


def test_the_old_order_of_heads():
    """Queries, keys and values of head 0, then those of head 1."""
    row = next(row for row in TABLES["unet"] if row.source == "mid_attn.qkv.bias")
    heads = np.arange(3 * 64).reshape(8, 3, 8)
    parts = row.kind.ours(heads.reshape(-1))
    for n, part in enumerate(parts):
        np.testing.assert_array_equal(part, heads[:, n].reshape(-1))
    np.testing.assert_array_equal(row.kind.theirs(*parts), np.arange(3 * 64))


def test_import_stores_every_number(imported, arrays, files):
    made = model.read(imported)
    named = {f"{part}.{name}": x for part, inside in arrays.items() for name, x in inside.items()}
    assert_same(made.arrays, named)
    assert made.arguments == {"autoencoder": AUTOENCODER, "unet": UNET | {"planes": PLANES}}
    assert_same(made.kept, BUFFERS | {f"diffusion_model.{name}": x for name, x in ZEROS.items()})
    everything = [*made.report["read"], *made.report["kept"]]
    assert sorted(everything) == sorted([*files["autoencoder"], *files["unet"]])


def test_an_import_is_a_model(imported):
    system = pvdm.PVDM.load(imported)
    assert system.clip_frames == 4 and system.latent_shape == (64, 4)
    assert system.unet.planes == system.autoencoder.planes
    assert (system.settings.steps, system.settings.later_steps) == (400, 400)


def test_there_and_back(both, imported, files, tmp_path, capsys):
    assert run("export", imported, tmp_path / "out", "--layout", "pvdm") == 0
    assert_same(open_tensors(tmp_path / "out" / "autoencoder.safetensors"), files["autoencoder"])
    assert_same(open_tensors(tmp_path / "out" / "diffusion.safetensors"), files["unet"])
    assert run("verify", both, imported) == 0
    assert run("verify", imported, tmp_path / "out") == 0
    assert "agree, bit for bit" in capsys.readouterr().out
    assert model.read(tmp_path / "out").settings == model.read(imported).settings


@pytest.mark.parametrize("prefix", ["diffusion_model.", "module.diffusion_model.", ""])
def test_a_unet_alone(prefix, arrays, files, tmp_path):
    """The public code's planes, where nothing says others; the wrapped form is net_meta.pth."""
    inside = {name.removeprefix("diffusion_model."): x for name, x in files["unet"].items()}
    write_zip(tmp_path / "x.pth", state_dict({prefix + name: x for name, x in inside.items()}))
    made = model.read(tmp_path / "x.pth")
    assert_same(made.arrays, {f"unet.{name}": x for name, x in arrays["unet"].items()})
    assert made.arguments["unet"]["planes"] == [16, 32, 32]
    assert list(made.kept) == ["diffusion_model.zeros"]


def test_what_a_head_says_is_taken(arrays, files, tmp_path):
    head = {"vinf_jax.unet": json.dumps({"planes": PLANES, "heads": 4})}
    path = tmp_path / "x.safetensors"
    write_safetensors(path, files["unet"], head)
    made = model.read(path)
    assert made.arguments["unet"] == UNET | {"planes": PLANES, "heads": 4}
    rows = pvdm_unet.table(channels=(32, 64), layers=1, attention=(True, False), heads=4)
    ours = {name.removeprefix("unet."): x for name, x in made.arrays.items()}
    again = {f"diffusion_model.{name}": x for name, x in (export(rows, ours) | ZEROS).items()}
    assert_same(again, files["unet"])


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"planes": 4}, "head says planes 4; no network has such sizes"),
        ({"heads": "two"}, "head says heads 'two'; no network"),
        ({"heads": 5}, "heads: 5 does not divide channels"),
        ({"layers": 2}, "head says layers 2; the tensors say 1"),
    ],
)
def test_heads_of_other_networks_are_refused(said, message, files, tmp_path):
    head = {"vinf_jax.unet": json.dumps(said)}
    write_safetensors(tmp_path / "x.safetensors", files["unet"], head)
    with pytest.raises(ValueError, match=message):
        model.read(tmp_path / "x.safetensors")


def test_an_untrained_folder_exports_whole(arrays, files, tmp_path):
    """Without anything kept, what the public classes store beside is computed."""
    settings = pvdm.Settings(fps=8)
    named = {f"autoencoder.{name}": x for name, x in arrays["autoencoder"].items()}
    given = AUTOENCODER | {"plane_head_size": None, "remat": True}
    folder.write_arrays(tmp_path / "m", named, arguments={"autoencoder": given}, settings=settings)
    assert run("export", tmp_path / "m", tmp_path / "out", "--layout", "pvdm") == 0
    assert_same(open_tensors(tmp_path / "out" / "autoencoder.safetensors"), files["autoencoder"])
    assert run("verify", tmp_path / "m", tmp_path / "out") == 0


def test_what_a_unet_says_goes_along(tmp_path, capsys):
    """Whoever reads the file without our head would take it for noise; so that is told."""
    tiny_pvdm("v").save(tmp_path / "m")
    assert run("export", tmp_path / "m", tmp_path / "out", "--layout", "pvdm") == 0
    assert "its UNet says v" in capsys.readouterr().out
    assert run("import", tmp_path / "out", tmp_path / "again") == 0
    assert folder.describe(tmp_path / "again")["settings"]["prediction"] == "v"


def test_positions_go_along(arrays, tmp_path, capsys):
    """Under names of our own, behind those of the attention that they belong to."""
    told = UNET | {"planes": PLANES, "positions": True}
    named = {f"unet.{name}": x for name, x in drawn("unet", told).items()}
    settings = pvdm.Settings(fps=8)
    folder.write_arrays(tmp_path / "m", named, arguments={"unet": told}, settings=settings)
    assert run("export", tmp_path / "m", tmp_path / "out", "--layout", "pvdm") == 0
    assert "knows where tokens lie, which PVDM's own code has no" in capsys.readouterr().out
    stored = open_tensors(tmp_path / "out" / "diffusion.safetensors")
    assert stored["diffusion_model.input_attns.2.places.rows"].shape == (2, 32)
    assert run("import", tmp_path / "out", tmp_path / "again") == 0
    assert folder.describe(tmp_path / "again")["arguments"]["unet"] == told
    assert run("verify", tmp_path / "m", tmp_path / "again") == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"encoder.image_rot_emb.scales": patch_scales(8) * 2}, "holds other numbers than are"),
        ({"xy_token": None}, "no component that is known"),
        ({"pre_xy.bias": None}, "pre_xy.bias is missing"),
        ({"surplus": np.ones(2, np.float32)}, "surplus is not read by any row"),
        ({"post_xt.weight": np.ones((32, 5, 1, 1), np.float32)}, r"has shape \(32, 5, 1, 1\)"),
    ],
)
def test_other_networks_are_refused(change, said, files, tmp_path):
    changed = files["autoencoder"] | change
    write_safetensors(
        tmp_path / "x.safetensors", {n: x for n, x in changed.items() if x is not None}
    )
    with pytest.raises(ValueError, match=said):
        model.read(tmp_path / "x.safetensors")


def test_networks_of_two_models_are_refused(files, tmp_path):
    write_safetensors(tmp_path / "a.safetensors", files["autoencoder"])
    head = {"vinf_jax.unet": json.dumps({"planes": [4, 4, 4]})}
    write_safetensors(tmp_path / "b.safetensors", files["unet"], head)
    with pytest.raises(ValueError, match=r"UNet's planes is \[4, 4, 4\], but the autoencoder's"):
        model.read(tmp_path)


def test_another_familys_layout_is_refused(imported, tmp_path, capsys):
    assert run("export", imported, tmp_path / "x", "--layout", "diffusers") == 2
    assert "is a PVDM model; --layout pvdm writes it" in capsys.readouterr().err


def test_inspect(both, capsys):
    assert run("inspect", both) == 0
    said = capsys.readouterr().out
    assert "layout: pvdm" in said and "pvdm_unet: " in said and "it can be imported" in said
