"""I3D, C3D and LPIPS from files of their published forms, at small widths."""

import ast
import functools
import zipfile

import numpy as np
import pytest
from flax import nnx

from convert import feature_networks, i3d
from convert.__main__ import PROGRAMS
from tests.checkpoint.torch_files import state_dict, write_zip
from tests.parity import metric_networks as small
from tests.paths import DATA
from vinf_jax.checkpoint import store
from vinf_jax.checkpoint.mapping import export, source_shapes
from vinf_jax.models.c3d import C3D
from vinf_jax.models.i3d import I3D, MIXED, STEM
from vinf_jax.nn import stored
from vinf_jax.nn.parameters import abstract, flat
from vinf_jax.programs import choose

ARGUMENTS = {
    "i3d": {
        "classes": small.CLASSES,
        "stem": list(small.STEM),
        "mixed": [list(widths) for widths in small.MIXED],
    },
    "c3d": {name: list(x) if isinstance(x, tuple) else x for name, x in small.C3D.items()},
    "lpips": {"widths": list(small.VGG[0])},
}
NETWORKS = {network.kind: network for network in feature_networks.NETWORKS}


@functools.cache
def tensors(kind):
    """Those that are read, and those that nobody reads, by their public names."""
    network, arguments = NETWORKS[kind], ARGUMENTS[kind]
    like = flat(abstract(lambda rngs: network.build(**arguments, rngs=rngs)))
    shapes = source_shapes(network.rows(arguments), like)
    made = {name: small.value(name, shape).astype(np.float32) for name, shape in shapes.items()}
    return made, {name: np.ones((2, 2), np.int64) for name in _unread(kind)}


def _unread(kind):
    return {"i3d": ["Conv3d_1a_7x7.bn.num_batches_tracked"], "lpips": ["classifier.0.weight"]}.get(
        kind, []
    )


def write(folder, kind, made):
    """The files as they are published."""
    folder.mkdir()
    if kind == "i3d":
        write_zip(folder / "i3d_pretrained_400.pt", state_dict(made))
    elif kind == "c3d":
        np.savez(folder / "mean2.npz", mean=made["mean"])
        rest = {name: x for name, x in made.items() if name != "mean"}
        np.savez_compressed(folder / "conv3d_deepnetA_ucf.npz", **rest)
    else:
        lin = {name: x for name, x in made.items() if name.startswith("lin")}
        write_zip(folder / "vgg.pth", state_dict(lin))
        rest = {name: x for name, x in made.items() if name not in lin}
        write_zip(folder / "vgg16-397923af.pth", state_dict(rest))
    return folder


def run(*words):
    return choose(PROGRAMS, "convert", list(map(str, words)))


@pytest.mark.parametrize("kind", NETWORKS)
def test_files_become_checkpoints(kind, tmp_path, capsys):
    made, unread = tensors(kind)
    source = write(tmp_path / "source", kind, made | unread)
    assert run("import", source, tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert f"{len(made)} tensors read, {len(unread)} left out" in said
    note = stored.describe(tmp_path / "out")
    assert note["kind"] == kind and note["arguments"] == ARGUMENTS[kind]
    assert note["provenance"]["imported"].keys() == NETWORKS[kind].files.keys()
    back = export(NETWORKS[kind].rows(ARGUMENTS[kind]), store.arrays(tmp_path / "out"))
    assert back.keys() == made.keys()
    assert all(np.array_equal(back[name], x) for name, x in made.items())


@pytest.mark.parametrize("kind", NETWORKS)
def test_inspect_knows_files_and_checkpoints(kind, tmp_path, capsys):
    made, unread = tensors(kind)
    source = write(tmp_path / "source", kind, made | unread)
    assert run("import", source, tmp_path / "out") == 0
    capsys.readouterr()
    numbers = sum(x.size for x in made.values())
    for path, layout in ((source, "as published"), (tmp_path / "out", "a checkpoint")):
        assert run("inspect", path) == 0
        said = capsys.readouterr().out
        assert f"layout: {kind}, {layout}" in said and "all finite" in said
        assert all(f"{name} {value}" in said for name, value in ARGUMENTS[kind].items())
        count = numbers + 4 * len(unread) if path == source else numbers
        assert f"{count:,} parameters" in said


def test_checkpoints_load_as_what_they_are(tmp_path, capsys):
    made, _ = tensors("c3d")
    assert run("import", write(tmp_path / "source", "c3d", made), tmp_path / "out") == 0
    network = stored.load(tmp_path / "out", "c3d", C3D)
    assert np.array_equal(flat(network)["fc8.bias"], made["fc8/b"])
    with pytest.raises(ValueError, match="holds 'c3d', not 'i3d'"):
        stored.load(tmp_path / "out", "i3d", I3D)


@pytest.mark.parametrize("kind", ["c3d", "lpips"])
def test_half_of_a_network_is_told(kind, tmp_path, capsys):
    source = write(tmp_path / "source", kind, tensors(kind)[0])
    for given, missing in zip(
        sorted(source.iterdir()), sorted(source.iterdir())[::-1], strict=True
    ):
        assert run("import", given, tmp_path / "out") == 2
        said = capsys.readouterr().err
        assert f"{missing.name} is missing" in said and "into one folder" in said


def test_what_does_not_fit_is_listed(tmp_path, capsys):
    made = dict(tensors("c3d")[0])
    made["conv5b/b"] = np.full(6, np.nan, np.float32)
    assert run("import", write(tmp_path / "a", "c3d", made), tmp_path / "out") == 2
    assert "convs.7.bias is not finite" in capsys.readouterr().err
    made["conv5b/b"] = np.zeros(5, np.float32)
    del made["fc7/W"]
    assert run("import", write(tmp_path / "b", "c3d", made), tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "fc7/W is missing" in said and "conv5b/b has shape (5,)" in said
    assert not (tmp_path / "out").exists()


def test_arrays_of_python_objects_are_not_read(tmp_path, capsys):
    made = {"mean": np.array([{"a": 1}], dtype=object), "conv1a/W": np.ones(1)}
    np.savez(tmp_path / "x.npz", **made)
    assert run("import", tmp_path / "x.npz", tmp_path / "out") == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["directory", "version", "member", "claim", "other"])
def test_damaged_archives_are_one_message(damage, tmp_path, capsys):
    file = tmp_path / "x.npz"
    np.savez_compressed(file, mean=np.arange(1000.0), **{"conv1a/W": np.ones(1)})
    data = bytearray(file.read_bytes())
    central = data.index(b"PK\x01\x02")
    if damage == "directory":
        data[central : central + 4] = b"PKxx"
    elif damage == "version":
        data[central + 6] = 99
    elif damage == "member":
        data[80:120] = bytes(40)
    file.write_bytes(data)
    if damage == "claim":
        header = np.lib.format.header_data_from_array_1_0(np.ones(1)) | {"shape": (10**14,)}
        with zipfile.ZipFile(file, "w") as archive:
            for name in ("mean.npy", "conv1a/W.npy"):
                with archive.open(name, "w") as member:
                    np.lib.format.write_array_header_1_0(member, header)
    if damage == "other":
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("notes.txt", "words")
    assert run("import", file, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and "cannot be read" in said


def test_a_tensor_in_two_files_is_refused(tmp_path, capsys):
    source = write(tmp_path / "source", "lpips", tensors("lpips")[0])
    (source / "vgg16_x.pth").write_bytes((source / "vgg16-397923af.pth").read_bytes())
    assert run("import", source, tmp_path / "out") == 2
    assert "vgg16-397923af.pth and vgg16_x.pth both hold" in capsys.readouterr().err


def test_i3d_at_full_size():
    """Every name and shape of the public state dict, and the published number of parameters."""
    lines = (DATA / "i3d_keys.tsv").read_text().splitlines()
    keys = {name: ast.literal_eval(shape) for name, shape in (x.split("\t") for x in lines)}
    model = abstract(lambda rngs: I3D(rngs=rngs))
    theirs = source_shapes(i3d.table(), flat(model))
    assert theirs == {n: s for n, s in keys.items() if not n.endswith("num_batches_tracked")}
    leaves = nnx.to_flat_state(nnx.state(model, nnx.Param))
    assert sum(leaf.get_value().size for _, leaf in leaves) == 12_697_264
    said = {"classes": 400, "stem": list(STEM), "mixed": [list(widths) for widths in MIXED]}
    assert i3d.arguments(feature_networks.Sizes(theirs)) == said
