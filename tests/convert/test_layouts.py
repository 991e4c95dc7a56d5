"""Every layout that is read gives the same arrays of ours, bit for bit."""

import json

import numpy as np
import pytest

from convert import model, naming, opened, source
from convert.sizes import Sizes
from tests.convert import sources
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.torch_file import open_tensors

LAYOUTS = {
    "lvdm in safetensors": lambda at, arrays: _lvdm_safetensors(at, arrays),
    "lvdm in a folder": lambda at, arrays: _lvdm_folder(at, arrays),
    "DeepSpeed": lambda at, arrays: sources.write_deepspeed(at / "m.pt", sources.lvdm(arrays)),
    "pickles": lambda at, arrays: sources.write_diffusers(at / "m", arrays, extension="bin"),
    "shards": lambda at, arrays: sources.write_diffusers(at / "m", arrays, shards=3),
    "shards of a variant": lambda at, arrays: sources.write_diffusers(
        at / "m", arrays, shards=2, variant="fp16"
    ),
    "old autoencoder": lambda at, arrays: sources.write_diffusers(
        at / "m", arrays, extension="bin", old_names=True, text_prefix=""
    ),
    "old autoencoder, convolved": lambda at, arrays: sources.write_diffusers(
        at / "m", arrays, old_names=True, convolved=True
    ),
    "autoencoder, convolved": lambda at, arrays: sources.write_diffusers(
        at / "m", arrays, convolved=True
    ),
}


def _lvdm_safetensors(at, arrays):
    write_safetensors(at / "model.safetensors", sources.lvdm(arrays))
    return at / "model.safetensors"


def _lvdm_folder(at, arrays):
    (at / "README.md").write_text("weights")
    return sources.write_lvdm(at / "model.ckpt", sources.lvdm(arrays)).parent


def assert_same(made, arrays):
    assert made.arrays.keys() == arrays.keys()
    for name, x in arrays.items():
        assert made.arrays[name].dtype == x.dtype
        assert np.array_equal(made.arrays[name], x), name
    assert {part: dict(given) for part, given in made.arguments.items()} == sources.ARGUMENTS


def test_the_small_model_has_every_key(tensors):
    names = [name for name in tensors if name.startswith("model.diffusion_model.")]
    assert len(names) == 1484
    assert sum(name.startswith("first_stage_model.") for name in tensors) == 248


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_lead_to_the_same_arrays(layout, arrays, tmp_path):
    made = model.read(LAYOUTS[layout](tmp_path, arrays))
    assert_same(made, arrays)
    assert made.settings.latent_scale == 0.18215


def test_checkpoint(checkpoint, arrays):
    made = model.read(checkpoint)
    assert made.layout == "lvdm"
    assert_same(made, arrays)
    kept = sources.buffers() | sources.unused()
    assert made.kept.keys() == kept.keys()
    assert all(np.array_equal(made.kept[name], x) for name, x in kept.items())
    assert made.report["schedule"]["agree"] and made.report["schedule"]["buffers"] == 13
    assert made.schedule.signal_scale is not None
    assert made.report["not_tensors"] == ["epoch", "global_step"]
    assert made.report["source"]["wrappers"] == ["state_dict"]


def test_diffusers_folder(diffusers_folder, arrays):
    made = model.read(diffusers_folder)
    assert made.layout == "diffusers"
    assert_same(made, arrays)
    assert list(made.kept) == ["text_encoder/text_model.embeddings.position_ids"]


def test_every_tensor_is_read_once_or_kept(checkpoint, tensors, arrays):
    """Totality both ways, as the report tells it."""
    report = model.read(checkpoint).report
    assert sorted([*report["read"], *report["kept"], *report["left_out"]]) == sorted(tensors)
    filled = [name for names in report["read"].values() for name in names]
    assert sorted(filled) == sorted(arrays)


def test_half_precision_is_read_as_it_is(arrays, tmp_path):
    """A variant, by its own name or as the only one; norms are not widened."""
    half = {name: x.astype(np.float16) for name, x in arrays.items()}
    folder = sources.write_diffusers(tmp_path / "m", half, variant="fp16")
    for variant in (None, "fp16"):
        assert_same(model.read(folder, variant=variant), half)


def test_components_alone(arrays, tmp_path):
    """At the root of a folder with its config, or one file of any name; lvdm's without prefix."""
    sources.write_diffusers(tmp_path / "m", arrays)
    for part, folder in sources.FOLDERS.items():
        made = model.read(tmp_path / "m" / folder)
        assert list(made.arguments) == [part]
        assert dict(made.arguments[part]) == sources.ARGUMENTS[part]
        bare = sources.named(arrays, sources.LVDM, part)
        write_safetensors(tmp_path / f"{part}.safetensors", bare)
        alone = model.read(tmp_path / f"{part}.safetensors")
        assert alone.arrays.keys() == made.arrays.keys()
        for name, x in made.arrays.items():
            assert np.array_equal(alone.arrays[name], x) and np.array_equal(arrays[name], x)


def test_a_layout_can_be_forced(checkpoint, arrays, tmp_path):
    """A folder that holds both is read as diffusers' unless the flag says otherwise."""
    folder = sources.write_diffusers(tmp_path / "m", arrays)
    (folder / "model.ckpt").symlink_to(checkpoint)
    assert model.read(folder).layout == "diffusers"
    assert model.read(folder, "lvdm").layout == "lvdm"
    with pytest.raises(ValueError, match=r"no component that is known in the layout diffusers"):
        model.read(checkpoint, "diffusers")


def test_towers_without_their_last_layer(arrays):
    """Exported from 23 layers, a tower has no layer too many: 24 of ViT-H have, and so has one
    that still knows the way to CLIP's shared space."""
    kind = naming.naming_of("text_encoder", "lvdm")
    shapes = {
        name: x.shape for name, x in sources.named(arrays, sources.LVDM, "text_encoder").items()
    }
    assert kind.arguments(naming.Sizes(shapes))["layers"] == 3
    whole = shapes | {"text_projection": (16, 16)}
    assert kind.arguments(naming.Sizes(whole))["layers"] == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("image_proj_model.latents", "image-to-video"),
        ("model.diffusion_model.input_blocks.1.1.attn2.to_k_ip.weight", "image-to-video"),
        ("model.diffusion_model.x.attn1.relative_position_k.embeddings_table", "VideoCrafter1"),
        ("down_blocks.0.motion_modules.0.norm.weight", "AnimateDiff"),
    ],
)
def test_known_strangers_are_named(name, said, tmp_path):
    write_safetensors(tmp_path / "x.safetensors", {name: np.ones((2, 2), np.float32)})
    with pytest.raises(ValueError, match=f"{said}.*not supported. Can be read: VideoCrafter2"):
        model.read(tmp_path / "x.safetensors")


def test_models_of_pictures_are_named(tensors, tmp_path):
    """The UNet without its layers over time, and VideoCrafter1's without temporal convolutions."""
    unet = {name: x for name, x in tensors.items() if name.startswith("model.")}
    flat = {name: x for name, x in unet.items() if "init_attn" not in name}
    first = {name: x for name, x in unet.items() if "temopral_conv" not in name}
    for case, said in ((flat, "UNet of pictures"), (first, "VideoCrafter1's UNet")):
        write_safetensors(tmp_path / "x.safetensors", case)
        with pytest.raises(ValueError, match=said):
            source.recognised(opened.opened(tmp_path / "x.safetensors"))


def test_one_message_lists_everything(tensors, tmp_path):
    broken = dict(tensors)
    del broken["first_stage_model.encoder.conv_in.bias"]
    broken["model.diffusion_model.out.2.bias"] = np.ones(5, np.float32)
    broken["model.diffusion_model.time_embed.0.bais"] = np.ones(1, np.float32)
    broken["cond_stage_model.model.ln_final.bias"] = np.ones(16, np.int64)
    broken["surplus"] = np.ones(1, np.float32)
    path = sources.write_lvdm(tmp_path / "model.ckpt", broken)
    with pytest.raises(ValueError) as refusal:
        model.read(path)
    text = str(refusal.value)
    assert text.startswith(f"{path} cannot be converted:")
    for said in (
        "surplus belongs to no component",
        "encoder.conv_in.bias is missing",
        "time_embed.0.bais is not read by any row of the table",
        "out.2.bias has shape (5,), conv_out.bias needs (4,)",
        "ln_final.bias is int64; weights are float64",
    ):
        assert said in text, said


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("unet", "act_fn", "gelu"),
        ("unet", "norm_num_groups", 7),
        ("unet", "block_out_channels", [320, 640]),
        ("autoencoder", "layers_per_block", 3),
        ("autoencoder", "shift_factor", 0.1),
        ("text_encoder", "hidden_act", "quick_gelu"),
        ("text_encoder", "num_attention_heads", "two"),
        ("autoencoder", "norm_num_groups", [32]),
        ("text_encoder", "num_attention_heads", [8]),
    ],
)
def test_configs_of_other_networks_are_refused(part, field, value, diffusers_folder, tmp_path):
    folder = sources.FOLDERS[part]
    (tmp_path / folder).mkdir()
    for file in (diffusers_folder / folder).iterdir():
        (tmp_path / folder / file.name).symlink_to(file)
    config = sources.configs()[part] | {field: value}
    (tmp_path / folder / "config.json").unlink()
    (tmp_path / folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=f"(?s){part}: .*{_word(field)}"):
        model.read(tmp_path)


def _word(field):
    """How the message calls it; groups and heads are found out by building."""
    return {"norm_num_groups": "norm_groups", "num_attention_heads": "heads"}.get(field, field)


def test_no_network_has_so_many_layers():
    shapes = {f"layers.{n}.weight": (0,) for n in range(2000)}
    with pytest.raises(ValueError, match=r"layers\.1001\.weight is there; no network has so many"):
        Sizes(shapes).count("layers.{}.weight")


def test_a_text_tower_may_bring_its_projection(arrays, tmp_path):
    folder = sources.write_diffusers(tmp_path / "m", arrays) / "text_encoder"
    file = next(folder.glob("*.safetensors"))
    tensors = {name: np.array(x) for name, x in open_tensors(file).items()}
    more = {"text_projection.weight": np.ones((2, 2)), "vision_model.x": np.ones(1)}
    write_safetensors(file, tensors | {n: x.astype(np.float32) for n, x in more.items()})
    report = model.read(tmp_path / "m").report
    assert "text_encoder/text_projection.weight" in report["kept"]
    assert "text_encoder/vision_model.x" in report["left_out"]
