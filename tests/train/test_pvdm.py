"""PVDM's training programs on the smallest networks: both stages, a stop, other devices."""

import dataclasses
import json
import shutil
from contextlib import closing

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from tests.tolerances import EXACT, OP
from train import (
    footage,
    plane_autoencoder,
    plane_latents,
    plane_networks,
    plane_start,
    pvdm_autoencoder,
    pvdm_diffusion,
)
from vinf_jax.checkpoint import store
from vinf_jax.checkpoint.numbered import Checkpoints
from vinf_jax.media.video import read_video
from vinf_jax.nn.networks import built
from vinf_jax.nn.parameters import flat, merge, split
from vinf_jax.programs import load_config
from vinf_jax.systems.pvdm import PVDM
from vinf_jax.systems.pvdm import folder as pvdm_folder


def tiny():
    config = load_config("configs/pvdm_sprites.py")
    config.update(
        {
            "size": 32,
            "frames": 4,
            "autoencoder": {"width": 16, "layers": 1, "heads": 2, "head_size": 8},
            "unet": {"channels": (16,), "attention": (False,), "heads": 2, "norm_groups": 4},
            "generation": {"steps": 2, "later_steps": 2},
            "train_autoencoder": {
                "steps": 2,
                "adversarial_steps": 4,
                "batch": 2,
                "rule": "adamw",
                "warmup": 1,
                "decay_steps": 0,
                "accumulate": 2,
                "turn": 2,
                "critic_width": 4,
                "save_every": 2,
                "shown": 2,
            },
            "train_diffusion": {
                "clips": 5,
                "windows": 3,
                "steps": 4,
                "batch": 2,
                "rule": "adamw",
                "warmup": 1,
                "decay_steps": 4,
                "save_every": 2,
                "shown": 2,
            },
        }
    )
    config.autoencoder.update({"plane_layers": 1, "plane_heads": 2, "plane_inner": 16})
    return config


def state_of(folder):
    checkpoints = Checkpoints(folder / "checkpoints")
    step = checkpoints.latest()
    shapes, _ = checkpoints.describe(step)
    like = {name: jax.ShapeDtypeStruct(*shapes[name]) for name in shapes}
    return step, checkpoints.load(step, like)


def assert_same(folder, other, tolerance):
    (step, state), (other_step, other_state) = state_of(folder), state_of(other)
    assert step == other_step
    for name, value in state.items():
        np.testing.assert_allclose(
            np.asarray(other_state[name], np.float64),
            np.asarray(value, np.float64),
            atol=tolerance,
            rtol=tolerance,
            err_msg=name,
        )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pvdm") / "run"
    pvdm_autoencoder.run(tiny(), folder)
    pvdm_diffusion.run(tiny(), folder)
    return folder


def test_stages_leave_what_they_promise(trained):
    for name in ("autoencoder", "autoencoder_adversarial"):
        lines = (trained / name / "metrics.jsonl").read_text().splitlines()
        assert all(np.isfinite(json.loads(line)["loss"]) for line in lines)
        psnrs = (trained / name / "psnr.jsonl").read_text().splitlines()
        assert [json.loads(line)["step"] for line in psnrs] == list(range(2, len(psnrs) * 2 + 1, 2))
        beside = read_video(trained / name / "held_out.mp4")[0]
        assert beside.shape == (2 * 4, 256, 512, 3)
        with Image.open(trained / name / "psnr.png") as image:
            assert min(image.size) > 100
    folder = trained / "autoencoder_model"
    assert list(pvdm_folder.describe(folder)["arguments"]) == ["autoencoder"]
    made, kept = (store.arrays(path) for path in (folder, trained / "model"))
    assert all(np.array_equal(made[name], kept[name]) for name in made)
    with Image.open(trained / "diffusion/samples/step_000004.png") as image:
        assert min(image.size) > 0
    videos = PVDM.load(trained / "model").generate(frames=6, videos=2)
    assert videos.shape == (2, 6, 32, 32, 3)


def test_a_stop_in_the_adversarial_stage_changes_nothing(trained, tmp_path):
    cut = tmp_path / "cut"
    shutil.copytree(trained, cut)
    folder = cut / "autoencoder_adversarial"
    shutil.rmtree(folder / "checkpoints" / "step_00000004")
    pvdm_autoencoder.run(tiny(), cut, ["adversarial"])
    assert_same(trained / folder.name, folder, EXACT)


def test_a_state_that_is_cut_over_devices_goes_on_where_a_whole_one_stopped(trained, tmp_path):
    cut = tmp_path / "cut"
    shutil.copytree(trained, cut)
    shutil.rmtree(cut / "diffusion" / "checkpoints" / "step_00000004")
    config = tiny()
    config.devices, config.placement = 2, "cut"
    pvdm_diffusion.run(config, cut, ["diffusion"])
    assert_same(trained / "diffusion", cut / "diffusion", OP)


def test_a_run_does_not_go_on_with_other_clips(trained, tmp_path, monkeypatch):
    cut, opened = tmp_path / "cut", footage.opened
    shutil.copytree(trained, cut)

    def fewer(*args, **how):
        clips = opened(*args, **how)
        return dataclasses.replace(clips, names=clips.names[:-1], lengths=clips.lengths[:-1])

    monkeypatch.setattr(footage, "opened", fewer)
    with pytest.raises(ValueError, match=r"^data.folder: the clips of sprites are not those that"):
        pvdm_autoencoder.run(tiny(), cut, ["reconstruction"])


def test_after_a_given_time_the_rate_stays_what_it_fell_to(tmp_path, monkeypatch):
    config, caught = tiny(), {}
    config.train_autoencoder.update({"minutes": 1.0, "accumulate": 1, "warmup": 0, "rate": 0.5})
    over = {"share": jnp.ones(())}
    plane = plane_autoencoder
    monkeypatch.setattr(plane.loop, "resume", lambda state, checkpoints: (state | over, 2))
    monkeypatch.setattr(plane.turns, "updater", lambda losses, rules, **how: caught.update(rules))
    monkeypatch.setattr(plane, "_train", lambda *args: None)
    plane.adversarial(config, tmp_path)
    weights = {"a": jnp.zeros(())}
    moves, _ = caught["model"].update({"a": jnp.ones(())}, caught["model"].init(weights), weights)
    np.testing.assert_allclose(moves["a"], -0.005, rtol=1e-3)


def bank_of(config, out):
    autoencoder = plane_networks.trained_autoencoder(config, out)
    return plane_latents.plane_bank(config, out, autoencoder)


def test_latents_are_made_again_for_another_autoencoder(trained, tmp_path):
    config, other = tiny(), tmp_path / "other"
    shutil.copytree(trained / "autoencoder", other / "autoencoder")
    shutil.copytree(trained / "diffusion", other / "diffusion")
    before = np.load(trained / "diffusion/latents.npz")["latents"]
    assert not np.array_equal(bank_of(config, other).latents, before)
    assert np.array_equal(bank_of(config, trained).latents, before)


def test_what_a_batch_of_latents_holds():
    latents = np.arange(3 * 3, dtype=np.float16).reshape(3, 3, 1, 1) + 1
    black = np.array([False, False, True])
    bank = plane_latents.PlaneBank(latents, latents[:0], np.array([0, 2, 4]), black)
    batch = plane_latents.drawn(bank, np.random.default_rng(0), 400, 0.5, "sample")
    told = plane_latents.places(bank, np.random.default_rng(0), 400)
    assert np.array_equal(told, (batch["target"].ravel() - 1) // 3)
    pairs = set(
        zip(batch["target"].ravel().tolist(), batch["condition"].ravel().tolist(), strict=True)
    )
    free = {(float(x), 0.0) for x in latents[:2].ravel()}
    assert pairs == free | {(3.0, 1.0), (6.0, 4.0), (9.0, 0.0)}
    once = plane_latents.drawn(bank, np.random.default_rng(1), 50, 0.5, "batch")
    known = once["condition"].ravel()[once["target"].ravel() < 9] > 0
    assert known.all() or not known.any()


def test_a_step_can_say_which_clips_it_saw(trained):
    config = tiny()
    clips = footage.opened(config, trained, "train", 4)
    with closing(footage.Feed(clips, 2, 0, 0)) as feed:
        far, names = feed(5), feed.told(5)
        again = [feed(step) for step in range(4, 6)][1]
    assert np.array_equal(far["clips"], again["clips"])
    assert names.count("train sprite") == 2


def begun_with(model):
    """A config that begins with the weights of `model`, and leaves them as they are."""
    config = tiny()
    for section in (config.train_autoencoder, config.train_diffusion):
        section.update({"start_from": str(model), "rate": 0.0, "steps": 1, "save_every": 1})
        section.shown = 0
    return config


@pytest.fixture(scope="module")
def plain(trained, tmp_path_factory):
    """The trained model without positions."""
    folder = tmp_path_factory.mktemp("plain") / "model"
    full = PVDM.load(trained / "model")
    arguments = full.arguments["unet"] | {"positions": False}
    graph, like = split(built(pvdm_folder.NETWORKS, {"unet": arguments})["unet"])
    unet = merge(graph, {name: x for name, x in flat(full.unet).items() if name in like})
    model = PVDM(full.autoencoder, unet, full.settings, full.arguments | {"unet": arguments})
    model.save(folder, dtype=jnp.float16)
    return folder


def test_training_begins_with_the_weights_of_a_model(plain, tmp_path):
    """Nothing is told or blended here, so that no clip needs a partner."""
    config = begun_with(plain)
    config.unet.positions = False
    config.train_autoencoder.update({"telling": 0.0, "blend": 0.0})
    config.train_diffusion.update({"blend": 0.0, "condition_shift": 0.0})
    pvdm_autoencoder.run(config, tmp_path, ["reconstruction"])
    pvdm_diffusion.run(config, tmp_path)
    assert sorted(path.name for path in (tmp_path / "diffusion").iterdir()) == [
        "checkpoints",
        "latents.npz",
        "metrics.jsonl",
    ]
    wanted = store.arrays(plain)
    for folder, part in (("autoencoder", "autoencoder"), ("diffusion", "unet")):
        _, state = state_of(tmp_path / folder)
        for name, x in state.items():
            if name.startswith("average/"):
                stored = wanted[f"{part}.{name.removeprefix('average/')}"]
                assert np.array_equal(x, stored.astype(np.float32)), name


def test_a_model_without_positions_may_get_them(trained, plain, tmp_path):
    """They begin without effect. The sprites' other shapes lie beside the latents."""
    for stage in ("autoencoder", "autoencoder_adversarial"):
        shutil.copytree(trained / stage, tmp_path / stage)
    pvdm_diffusion.run(begun_with(plain), tmp_path, ["diffusion"])
    wanted = store.arrays(plain)
    _, state = state_of(tmp_path / "diffusion")
    average = {n.removeprefix("average/"): x for n, x in state.items() if n.startswith("average/")}
    own = {name for name in average if ".places." in name}
    assert own and not any(average[name].any() for name in own)
    for name in average.keys() - own:
        assert np.array_equal(average[name], wanted[f"unet.{name}"].astype(np.float32)), name
    with np.load(tmp_path / "diffusion" / "latents.npz") as bank:
        latents, others = bank["latents"], bank["others"]
    assert latents.shape == others.shape and (latents != others).any(axis=(1, 2, 3)).mean() > 0.5
    config = begun_with(trained / "model")
    config.unet.positions = False
    with pytest.raises(ValueError, match="has positions True, the config says False"):
        pvdm_diffusion.run(config, tmp_path)


def test_a_model_that_training_cannot_begin_with(trained, tmp_path):
    config = tiny()
    config.autoencoder.width, config.autoencoder.remat = 32, True
    config.train_autoencoder.start_from = str(trained / "model")
    wrong = r"^config: train_autoencoder.start_from: the autoencoder of .*model has width 16, the "
    with pytest.raises(ValueError, match=wrong + "config says 32"):
        pvdm_autoencoder.run(config, tmp_path)
    config.train_diffusion.start_from = str(trained / "autoencoder_model")
    with pytest.raises(ValueError, match=r"train_diffusion.start_from: .* holds only autoencoder"):
        pvdm_diffusion.run(config, tmp_path)
    config.train_diffusion.start_from = str(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"train_diffusion.start_from: .*nothing"):
        pvdm_diffusion.run(config, tmp_path)


def test_an_imported_model_is_known_in_its_own_spelling(monkeypatch):
    wanted = plane_networks.autoencoder_arguments(tiny())
    stored = wanted | {"size": [32, 32], "plane_head_size": wanted["width"] // 8}
    note = {"arguments": {"autoencoder": stored}}
    monkeypatch.setattr(plane_start, "describe", lambda folder: note)
    assert plane_start.troubles("start_from", "m", "autoencoder", wanted) == []


def test_a_bank_holds_more_pieces_than_there_are_videos(trained, tmp_path, monkeypatch):
    config, other = tiny(), tmp_path / "other"
    shutil.copytree(trained / "autoencoder", other / "autoencoder")
    opened = footage.opened
    few = {"names": ("train sprite 0", "train sprite 1"), "lengths": (12, 12)}

    def two(*args, **how):
        return dataclasses.replace(opened(*args, **how), **few)

    monkeypatch.setattr(plane_latents, "opened", two)
    latents = bank_of(config, other).latents
    assert len(latents) == 5
    assert len({x.tobytes() for x in latents}) > 2, "further epochs begin at other frames"


def test_a_unet_stays_with_its_autoencoder(trained, tmp_path):
    cut = tmp_path / "cut"
    shutil.copytree(trained, cut)
    shutil.rmtree(cut / "autoencoder_adversarial")
    for stages in (["diffusion"], ["export"]):
        with pytest.raises(ValueError, match="trained on latents of another autoencoder"):
            pvdm_diffusion.run(tiny(), cut, stages)


def test_clips_that_are_left_out_are_named(trained, tmp_path, capsys):
    clips = footage.opened(tiny(), tmp_path, "train", 4)
    footage.tell(clips)
    footage.tell(dataclasses.replace(clips, troubles={"a.avi": "has 3 frames; 4 are needed"}))
    said = capsys.readouterr().err
    assert said.startswith("data: 1 clips of the train part are left out") and "a.avi" in said


def test_configs_that_do_not_fit(tmp_path):
    config = tiny()
    config.placement, config.train_autoencoder.batch, config.devices = "apart", 3, 2
    with pytest.raises(ValueError, match=r"placement: 'apart'.*do not divide a batch of 3"):
        pvdm_autoencoder.run(config, tmp_path)
    config.train_autoencoder.update({"rule": "muon", "accumulate": 2, "decay_steps": 1})
    with pytest.raises(ValueError, match=r"accumulate: 2, but only adamw.*decay_steps: 1, but"):
        pvdm_autoencoder.run(config, tmp_path)
    config = tiny()
    for steps in (0, -1):
        config.train_autoencoder.accumulate = config.train_diffusion.accumulate = steps
        for program in (pvdm_autoencoder, pvdm_diffusion):
            with pytest.raises(ValueError, match=f"accumulate: {steps}; give 1 or more"):
                program.check(config)
    config = tiny()
    config.prediction = "noise"
    config.train_diffusion.update(
        {"coin": "both", "windows": 1, "rule": "sgd", "loss_weight": "snr"}
        | {"share": 1.5, "focus": (700, 700)}
    )
    wrong = r"'sgd'.*coin: 'both'.*prediction: 'noise'.*loss_weight: 'snr'.*share: 1.5.*"
    wrong += r"focus: \(700, 700\).*windows: 1"
    with pytest.raises(ValueError, match=wrong):
        pvdm_diffusion.run(config, tmp_path)
    missing = "run the stage reconstruction of python -m train pvdm_autoencoder first"
    with pytest.raises(ValueError, match=missing):
        pvdm_autoencoder.run(tiny(), tmp_path, ["export"])
    with pytest.raises(ValueError, match=missing):
        pvdm_diffusion.run(tiny(), tmp_path)
    with pytest.raises(ValueError, match="no checkpoint of the stage reconstruction"):
        pvdm_autoencoder.run(tiny(), tmp_path, ["adversarial"])
