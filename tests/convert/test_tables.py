"""Tables of the public layouts against their key lists at full size, and there and back on small
models whose every parameter is random."""

import ast
import functools
import json

import numpy as np
import pytest

from convert import (
    clip_text,
    diffusers_autoencoder_kl,
    diffusers_unet3d,
    lvdm_autoencoder_kl,
    lvdm_unet3d,
    openclip_text,
)
from tests.paths import DATA
from vinf_jax.checkpoint.mapping import convert, export, source_shapes
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.parameters import abstract, flat

UNET = {"channels": (8, 16, 16), "layers": 1, "attention": (False, True, True)}
VAE = {"channels": (8, 8, 16), "layers": 1}
TEXT = {"vocabulary": 9, "length": 5, "width": 8, "heads": 2, "layers": 2}

LAYOUTS = {
    "diffusers_unet3d": (diffusers_unet3d.table(**UNET), "unet"),
    "lvdm_unet3d": (lvdm_unet3d.table(**UNET), "unet"),
    "diffusers_autoencoder_kl": (diffusers_autoencoder_kl.table(**VAE), "vae"),
    "lvdm_autoencoder_kl": (lvdm_autoencoder_kl.table(**VAE), "vae"),
    "openclip_text": (openclip_text.table(layers=2), "text"),
    "clip_text": (clip_text.table(layers=2), "text"),
}


@functools.cache
def small(name):
    builders = {
        "unet": lambda rngs: UNet3D(**UNET, head_size=4, context_width=6, norm_groups=4, rngs=rngs),
        "vae": lambda rngs: AutoencoderKL(**VAE, norm_groups=4, rngs=rngs),
        "text": lambda rngs: TextEncoder(**TEXT, rngs=rngs),
    }
    return flat(abstract(builders[name]))


@pytest.fixture(scope="module")
def unet():
    return flat(abstract(lambda rngs: UNet3D(rngs=rngs)))


@pytest.fixture(scope="module")
def vae():
    return flat(abstract(lambda rngs: AutoencoderKL(rngs=rngs)))


def listed(file):
    """Both layouts' names and shapes, row by row, of a key table."""
    lines = (DATA / file).read_text().splitlines()[1:]
    cells = [line.split("\t") for line in lines]
    return [(old, ast.literal_eval(a), new, ast.literal_eval(b)) for old, a, _, new, b in cells]


def size(shapes):
    return sum(int(np.prod(shape)) for shape in shapes.values())


def drawn(shapes):
    rng = np.random.default_rng(2)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def test_unet_at_full_width(unet):
    rows = listed("unet_key_table.tsv")
    theirs = source_shapes(diffusers_unet3d.table(), unet)
    assert theirs == {new: shape for _, _, new, shape in rows}
    assert source_shapes(lvdm_unet3d.table(), unet) == {old: shape for old, shape, _, _ in rows}
    assert (len(theirs), size(theirs)) == (1484, 1_413_284_420)


def test_autoencoder_at_full_width(vae):
    rows = listed("vae_key_table.tsv")
    theirs = source_shapes(diffusers_autoencoder_kl.table(), vae)
    assert theirs == {new: shape for _, _, new, shape in rows}
    old = source_shapes(lvdm_autoencoder_kl.table(), vae)
    assert old == {old: shape for old, shape, _, _ in rows}
    assert (len(theirs), size(theirs)) == (248, 83_653_863)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("unet_key_table.tsv", lvdm_unet3d, diffusers_unet3d),
        ("vae_key_table.tsv", lvdm_autoencoder_kl, diffusers_autoencoder_kl),
    ],
)
def test_both_layouts_lead_to_the_same_parameter(file, old, new):
    """Equal shapes would hide two tensors that are exchanged."""
    from_old = {row.source: row.targets for row in old.table()}
    from_new = {row.source: row.targets for row in new.table()}
    for old_name, _, new_name, _ in listed(file):
        assert from_old[old_name] == from_new[new_name]


def test_unet_without_frame_rate():
    """ModelScope and zeroscope."""
    target = flat(abstract(lambda rngs: UNet3D(fps_conditioned=False, rngs=rngs)))
    for layout in (diffusers_unet3d, lvdm_unet3d):
        theirs = source_shapes(layout.table(fps_conditioned=False), target)
        assert not any(name.startswith("fps_embedding") for name in theirs)
        assert (len(theirs), size(theirs)) == (1480, 1_413_284_420 - 2_050_560)


def test_unet_of_the_video_infinity_fixtures():
    config = json.loads((DATA / "video_infinity/unet.config.json").read_text())
    shape = {
        "channels": config["block_out_channels"],
        "layers": config["layers_per_block"],
        "attention": [name.startswith("Cross") for name in config["down_block_types"]],
    }
    rest = {
        "head_size": config["attention_head_dim"],
        "context_width": config["cross_attention_dim"],
        "norm_groups": config["norm_num_groups"],
    }
    target = flat(abstract(lambda rngs: UNet3D(**shape, **rest, rngs=rngs)))
    lines = (DATA / "video_infinity/unet_keys.tsv").read_text().splitlines()
    keys = dict(line.split("\t") for line in lines)
    want = {name: tuple(map(int, sizes.split(","))) for name, sizes in keys.items()}
    assert source_shapes(diffusers_unet3d.table(**shape), target) == want


def test_text_towers_at_full_size():
    target = flat(abstract(lambda rngs: TextEncoder(rngs=rngs)))
    old = source_shapes(openclip_text.table(), target)
    assert old["transformer.resblocks.22.attn.in_proj_weight"] == (3072, 1024)
    assert old["token_embedding.weight"] == (49408, 1024)
    layer = {name: shape for name, shape in old.items() if ".resblocks.0." in name}
    assert len(old) + len(layer) + 2 == 294
    assert size(old) + size(layer) + 1024**2 + 1 == 354_032_641
    new = source_shapes(clip_text.table(), target)
    assert new["encoder.layers.22.mlp.fc2.weight"] == (1024, 4096)
    assert new["embeddings.position_embedding.weight"] == (77, 1024)
    assert size(new) == size(old)


def test_the_rest_of_an_openclip_file_is_ignored():
    target, table = small("text"), openclip_text.table(layers=2)
    shapes = source_shapes(table, target)
    first = {name: shape for name, shape in shapes.items() if ".resblocks.0." in name}
    last = {name.replace(".0.", ".2."): shape for name, shape in first.items()}
    assert len(last) == 12
    more = {"logit_scale": (), "text_projection": (8, 8), "attn_mask": (5, 5)}
    source = drawn(shapes | last | more)
    assert convert(table, source, target, openclip_text.ignored(layers=2)).keys() == target.keys()
    with pytest.raises(ValueError, match="logit_scale is not read"):
        convert(table, source, target)


@pytest.mark.parametrize("name", LAYOUTS)
def test_there_and_back(name):
    table, model = LAYOUTS[name]
    target = small(model)
    source = drawn(source_shapes(table, target))
    ours = convert(table, source, target)
    assert {key: x.shape for key, x in ours.items()} == {k: x.shape for k, x in target.items()}
    back = export(table, ours)
    assert back.keys() == source.keys()
    assert all(np.array_equal(back[key], x) for key, x in source.items())
    again = convert(table, back, target)
    assert all(np.array_equal(again[key], x) for key, x in ours.items())


@pytest.mark.parametrize(
    ("old", "new"), [*zip(list(LAYOUTS)[::2], list(LAYOUTS)[1::2], strict=True)]
)
def test_from_one_layout_to_the_other(old, new):
    """Through our parameters, bit for bit, and not by chance: every tensor is another one."""
    (old, model), (new, _) = LAYOUTS[old], LAYOUTS[new]
    target = small(model)
    ours = convert(old, drawn(source_shapes(old, target)), target)
    through = convert(new, export(new, ours), target)
    assert all(np.array_equal(through[key], x) for key, x in ours.items())


def test_squeezed_matrices():
    """Stored as a convolution over one frame, and of one pixel."""
    target = small("unet")
    source = drawn(source_shapes(LAYOUTS["lvdm_unet3d"][0], target))
    stored = source["init_attn.0.proj_in.weight"]
    assert stored.shape == (32, 8, 1)
    ours = convert(LAYOUTS["lvdm_unet3d"][0], source, target)
    assert np.array_equal(ours["transformer_in.proj_in.kernel"], stored[:, :, 0].T)

    target = small("vae")
    source = drawn(source_shapes(LAYOUTS["lvdm_autoencoder_kl"][0], target))
    stored = source["decoder.mid.attn_1.q.weight"]
    assert stored.shape == (16, 16, 1, 1)
    ours = convert(LAYOUTS["lvdm_autoencoder_kl"][0], source, target)
    assert np.array_equal(ours["decoder.mid_block.attentions.0.to_q.kernel"], stored[:, :, 0, 0].T)
