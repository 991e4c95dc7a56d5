"""Distances and scores between folders, against the same figures computed straight away."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from infer import distances, evaluate
from infer.clip_sets import kind_of, stem
from tests.nn.filled import filled
from tests.parity import metric_networks as small
from tests.tolerances import BLOCK
from vinf_jax.media.square import squared
from vinf_jax.metrics import frechet
from vinf_jax.metrics.inception_score import probabilities
from vinf_jax.models import i3d
from vinf_jax.models.c3d import C3D
from vinf_jax.nn import stored
from vinf_jax.nn.parameters import flat, merge, split
from vinf_jax.programs import spoken


class Means(nnx.Module):
    """Stands in for I3D: weighted colours of the first three frames."""

    def __init__(self, *, rngs):
        self.weights = nnx.Param(jnp.ones(9))

    def __call__(self, x):
        return x.mean((2, 3)).reshape(len(x), -1)[:, :9] * self.weights


def clips(count, frames, seed, side=12):
    """Smooth enough that resizing keeps what differs."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, frames, 3, 3, 3), np.uint8)
    return coarse.repeat(side // 3, axis=2).repeat(side // 3, axis=3)


def written(folder, videos):
    for n, video in enumerate(videos):
        (folder / f"v{n}").mkdir(parents=True)
        for k, frame in enumerate(video):
            Image.fromarray(frame).save(folder / f"v{n}" / f"{k}.png")
    return folder


def network(folder, kind, build, **arguments):
    """A checkpoint of random numbers, and the network."""
    made = filled(lambda rngs: build(**arguments, rngs=rngs), dtype=np.float32)
    arrays = {name: np.abs(x) if "variance" in name else x for name, x in flat(made).items()}
    stored.save(folder, kind, arguments, arrays)
    return stored.load(folder, kind, build)


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(distances, "FRAMES_AT_ONCE", 18)

    def go(*words):
        out = tmp_path / "x.json"
        status = spoken(evaluate.main, [*map(str, words), "--out", str(out), "--force"])
        said = capsys.readouterr()
        record = json.loads(out.read_text()) if out.exists() else {}
        return status, record, said.out + said.err

    return go


def test_random_features_are_never_called_fvd(run, tmp_path):
    real = written(tmp_path / "real", clips(5, 4, 0))
    other = written(tmp_path / "other", clips(5, 4, 1) // 2)
    words = ("--frames", 4, "--size", 12, "--clips", 5, "--features", "random")
    status, same, said = run("fvd", "--real", real, "--fake", real, *words)
    assert status == 0 and abs(same["figure"]["value"]) < BLOCK
    assert "random features 1 (not FVD)" in said and "weights/" not in said
    for name in ("clips", "frames", "resolution", "resize", "covariance", "protocol"):
        assert name in said and name in same, name
    assert (same["clips"], same["frames"], same["resolution"]) == (5, 4, "12x12")
    assert same["weights"] is None and same["versions"] and "fvd" in same["command"]
    _, apart, _ = run("fvd", "--real", real, "--fake", other, *words)
    _, unbiased, _ = run("fvd", "--real", real, "--fake", other, *words, "--protocol", "videogpt")
    assert 0.01 < apart["figure"]["value"] < unbiased["figure"]["value"]
    assert unbiased["covariance"] == "unbiased, 1/(N-1)"


def test_fvd_is_that_of_the_logits(run, tmp_path, monkeypatch):
    """In batches of two, the last one filled up; every second frame; resized twice."""
    monkeypatch.setattr(frechet, "SIDE", 20)
    monkeypatch.setattr(i3d, "I3D", Means)
    looking = network(tmp_path / "i3d", "i3d", Means)
    sets = [clips(3, 17, 2), clips(3, 17, 3)]
    folders = [written(tmp_path / f"{n}", videos) for n, videos in enumerate(sets)]
    words = ("--frames", 9, "--every", 2, "--size", 10, "--clips", 3)
    status, record, said = run(
        *("fvd", "--real", folders[0], "--fake", folders[1], *words),
        *("--features", tmp_path / "i3d"),
    )
    assert status == 0 and record["figure"]["name"] == "FVD" and "I3D" in said
    rows = []
    for videos in sets:
        seen = np.stack([squared(video, 10)[::2] for video in videos])
        frames = frechet.whole(jnp.asarray(seen, jnp.float32)) / 127.5 - 1
        rows.append(np.asarray(looking(frames), np.float64))
    one, two = (np.cov(x.T, bias=True) for x in rows)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(one @ two).real, 0)).sum()
    want = np.sum((rows[0].mean(0) - rows[1].mean(0)) ** 2) + np.trace(one + two) - 2 * roots
    assert abs(record["figure"]["value"] - want) < BLOCK * want
    assert record["weights"]["sha256"] and record["every"] == 2


def test_inception_score_is_that_of_the_probabilities(run, tmp_path):
    sizes = {"size": 16, "mean": (16, 24, 24)}
    c3d = network(tmp_path / "c3d", "c3d", C3D, **small.C3D | sizes)
    videos = clips(11, 16, 4)
    folder = written(tmp_path / "made", videos)
    words = ("is", "--fake", folder, "--classifier", tmp_path / "c3d", "--size", 12)
    status, record, said = run(*words, "--clips", 5, "--protocol", "tganv2")
    assert status == 0 and "IS" in said
    assert (record["clips"], record["groups"], record["frames"]) == (10, 2, 16)
    graph, weights = split(c3d)
    look = jax.jit(lambda weights, x: merge(graph, weights)(x))
    p = probabilities(np.asarray(look(weights, videos[:10].astype(np.float32) / 127.5 - 1)))
    scores = [np.exp((part * np.log(part / part.mean(0))).sum(1).mean()) for part in (p[:5], p[5:])]
    assert abs(record["figure"]["value"] - np.mean(scores)) < BLOCK * np.mean(scores)
    assert np.mean(scores) > 1.01
    assert abs(record["deviation"] - np.std(scores)) < BLOCK * np.mean(scores)


def test_reconstructions_are_paired_by_name(run, tmp_path):
    videos = clips(3, 4, 5) // 2
    real = written(tmp_path / "real", videos)
    fake = written(
        tmp_path / "fake", videos + np.array([1, 2, 4], np.uint8)[:, None, None, None, None]
    )
    words = ("psnr", "--real", real, "--fake", fake, "--frames", 4, "--size", 12)
    status, record, said = run(*words)
    want = [20 * np.log10(255 / step) for step in (1, 2, 4)]
    assert status == 0 and "PSNR" in said and "R-" not in said
    assert np.allclose(list(record["each"].values()), want)
    assert abs(record["figure"]["value"] - np.mean(want)) < 1e-9
    _, record, said = run(*words, "--features", "random")
    assert record["distance"]["name"].startswith("R-Frechet distance of vinf_jax random")
    assert record["distance"]["value"] > 0 and "covariance" in said
    _, equal, said = run("psnr", "--real", real, "--fake", real, "--frames", 4, "--size", 12)
    assert equal["figure"]["value"] == 999 and "equal" in said
    (fake / "v1").rename(fake / "w1")
    status, _, said = run(*words)
    assert status == 2 and "real alone has v1" in said and "fake alone has w1" in said


def test_kinds_and_names(tmp_path):
    written(tmp_path / "pictures", clips(1, 1, 0))
    (tmp_path / "films" / "a").mkdir(parents=True)
    (tmp_path / "films" / "a" / "b.AVI").touch()
    (tmp_path / "UCF-101" / "ucfTrainTestlist").mkdir(parents=True)
    names = ("pictures", "films", "UCF-101", "clips.npy")
    kinds = [kind_of(tmp_path / name) for name in names]
    assert kinds == ["frames", "videos", "ucf101", "array"]
    assert [stem(name) for name in ("a/b.mp4", "a/b.1", "b.AVI")] == ["a/b", "a/b.1", "b"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fvd", "--real", "no", "--fake", "clips"], "real: there is no folder no"),
        (["fvd", "--real", "clips", "--fake", "clips"], "Fetch i3d_pretrained_400.pt"),
        (["fvd", "--real", "clips", "--fake", "clips"], "Or take --features random"),
        (["fvd", "--real", "clips"], "required: --fake"),
        (["is", "--fake", "clips"], "Fetch conv3d_deepnetA_ucf.npz and mean2.npz"),
        (["is", "--fake", "clips", "--classifier", "no"], "there is no folder no"),
        (["psnr", "--real", "clips", "--fake", "clips", "--frams", "3"], "--frams is no flag"),
        (["psnr", "--real", "clips", "--fake", "clips", "--size", "0"], "size: 0; give 1 or more"),
        (
            ["fvd", "--real", "clips", "--fake", "clips", "--features", "random", "--frames", "2"],
            "real: clips holds 2 videos that are long enough, and --clips is 2048",
        ),
        (
            ["fvd", "--real", "clips", "--fake", "clips", "--features", "random", "--frames", "1"],
            "frames: 1; vinf_jax random features 1 needs 2 or more",
        ),
    ],
)
def test_mistakes_are_one_message(words, said, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "clips", clips(2, 2, 0))
    status, record, out = run(*words)
    assert status == 2 and not record
    assert said in out and "Traceback" not in out
