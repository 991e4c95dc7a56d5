"""Model folders straight from arrays, whole or with parts missing, and what lies beside weights."""

import json
import shutil

import numpy as np
import pytest

import convert.model
from tests.clip_vocabulary import MERGES, write_openclip
from tests.tiny import ARGUMENTS, LENGTH, SETTINGS, WORDS
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.clip_tokenizer import ClipTokenizer
from vinf_jax.models.tokenizer import WordTokenizer
from vinf_jax.nn.networks import parameters
from vinf_jax.nn.parameters import flat
from vinf_jax.systems.video_infinity import Settings, VideoInfinity, folder, tokens
from vinf_jax.systems.video_infinity.networks import built
from vinf_jax.systems.video_infinity.note import describe

VOCABULARY = 514 + len(MERGES)
CLIP = ARGUMENTS | {"text_encoder": ARGUMENTS["text_encoder"] | {"vocabulary": VOCABULARY}}
ABOUT = {"schedule": Schedule.videocrafter2(), "settings": Settings(**SETTINGS)}


def numbers(arguments):
    """An array for every parameter, all different, views that are not contiguous among them."""
    return {
        name: np.arange(n, n + np.prod(x.shape), dtype=np.float32).reshape(x.shape[::-1]).T
        for n, (name, x) in enumerate(parameters(built(arguments)).items())
    }


ARRAYS = numbers(CLIP)


def write(path, arrays=ARRAYS, arguments=CLIP, tokenizer=None, **more):
    folder.write_arrays(path, arrays, arguments=arguments, tokenizer=tokenizer, **ABOUT, **more)
    return path


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    return write_openclip(tmp_path_factory.mktemp("clip") / "bpe.txt.gz")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A whole model without a tokenizer."""
    return write(tmp_path_factory.mktemp("plain") / "w")


def test_arrays_become_a_model_that_saves_the_same(tmp_path, vocabulary):
    told, tokenizer = [], ClipTokenizer(vocabulary, LENGTH)
    write(
        tmp_path / "w",
        tokenizer=tokenizer,
        provenance={"from": "here"},
        on_array=lambda name, size: told.append((name, size)),
    )
    assert told == [(name, x.nbytes) for name, x in ARRAYS.items()]
    model = VideoInfinity.load(tmp_path / "w")
    assert model.schedule == ABOUT["schedule"] and model.settings == ABOUT["settings"]
    for part in CLIP:
        for name, x in flat(getattr(model, part)).items():
            np.testing.assert_array_equal(x, ARRAYS[f"{part}.{name}"])
    model.save(tmp_path / "again")
    note = describe(tmp_path / "again")
    assert note == describe(tmp_path / "w") and note["provenance"] == {"from": "here"}
    again = tokens.read(tmp_path / "again", note["tokenizer"])
    assert again.files() == tokenizer.files() and again.length == LENGTH
    stored = folder.arrays(tmp_path / "again")
    assert stored.keys() == ARRAYS.keys()
    for name, x in stored.items():
        np.testing.assert_array_equal(x, ARRAYS[name])


def test_what_lies_beside_the_weights(tmp_path, plain):
    kept = {"betas": np.linspace(0, 1, 3), "logit_scale": np.float32(4.6), "n": np.arange(2)}
    path = write(tmp_path / "w", kept=kept, report={"read": ["a"], "left": {}})
    assert folder.read_report(path) == {"read": ["a"], "left": {}}
    again = folder.read_kept(path)
    assert again.keys() == kept.keys()
    for name, x in kept.items():
        assert again[name].dtype == x.dtype
        np.testing.assert_array_equal(again[name], x)
    assert dict(folder.read_kept(plain)) == folder.read_report(plain) == {}
    (path / "report.json").write_text("{}")
    with pytest.raises(ValueError, match=r"report\.json is changed"):
        folder.read_report(path)


def test_a_unet_alone_is_kept_and_not_sampled(tmp_path):
    arrays = {name: x for name, x in ARRAYS.items() if name.startswith("unet.")}
    path = write(tmp_path / "w", arrays, {"unet": CLIP["unet"]})
    assert list(describe(path)["arguments"]) == ["unet"]
    assert folder.arrays(path).keys() == arrays.keys()
    with pytest.raises(ValueError, match=r"holds only unet.*lacks autoencoder and text_encoder"):
        VideoInfinity.load(path)


def test_without_a_tokenizer_only_prompts_are_refused(plain):
    model = VideoInfinity.load(plain)
    with pytest.raises(ValueError, match=r"no tokenizer.*--tokenizer PATH.*vocab\.json"):
        model.stream(["the cat"], frames=4)


def test_what_the_folder_says_can_be_replaced(plain, vocabulary):
    usual, tokenizer = Schedule.scaled_linear(), ClipTokenizer(vocabulary, LENGTH)
    changes = {"schedule": usual, "settings": {"steps": 7}, "tokenizer": tokenizer}
    model = VideoInfinity.load(plain, **changes)
    assert model.schedule == usual
    assert model.settings == Settings(**SETTINGS | {"steps": 7})
    model.stream(["the cat"], frames=4)
    with pytest.raises(ValueError, match="'no_such'"):
        VideoInfinity.load(plain, settings={"sampler": "no_such"})
    with pytest.raises(ValueError, match=r"settings: no stepz; there are .*steps"):
        VideoInfinity.load(plain, settings={"stepz": 3})
    with pytest.raises(ValueError, match=r"tokenizer: its length is 77, but .* at most 8"):
        VideoInfinity.load(plain, tokenizer=ClipTokenizer(vocabulary))


def test_notes_of_earlier_folders_are_of_words(tmp_path):
    words = WordTokenizer(WORDS, LENGTH)
    note = tokens.note_of(words)
    assert note.pop("kind") == "words"
    assert tokens.read(tmp_path, note).words == WORDS
    with pytest.raises(ValueError, match="kind 'letters'; known are words and clip"):
        tokens.read(tmp_path, note | {"kind": "letters"})


def _changed(path, new, **fields):
    """A copy of a model folder whose note says these fields; None leaves one out."""
    said = json.loads((shutil.copytree(path, new) / "checkpoint.json").read_text())
    note = said["metadata"] | fields
    said["metadata"] = {name: value for name, value in note.items() if value is not LEFT_OUT}
    (new / "checkpoint.json").write_text(json.dumps(said))
    return new


LEFT_OUT = object()
STRANGE = {"unet": CLIP["unet"] | {"chanels": [1]}}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"arguments": LEFT_OUT}, "arguments: None are no networks by name"),
        ({"arguments": STRANGE}, "arguments.unet: no chanels; there are in_channels"),
        ({"arguments": {"unet": None}}, "arguments.unet: None are no fields by name"),
        ({"settings": SETTINGS | {"stpes": 3}}, "settings: no stpes; there are latent_scale"),
        ({"settings": {"steps": 3}}, "settings: without latent_scale, prediction, height"),
        ({"settings": None}, "settings: None are no fields by name"),
        ({"schedule": None}, "schedule: it cannot be read .TypeError: "),
        ({"schedule": {"alphas_cumprod": [0.5]}}, "schedule: it cannot be read .KeyError: "),
        ({"tokenizer": LEFT_OUT}, "tokenizer: missing"),
        ({"provenance": LEFT_OUT}, "provenance: missing"),
    ],
)
def test_a_note_that_is_no_model_s_is_one_message(plain, tmp_path, fields, said):
    path = _changed(plain, tmp_path / "w", **fields)
    for read in (VideoInfinity.load, convert.model.read):
        with pytest.raises(ValueError, match=f"the note of .*/w is no model's: {said}"):
            read(path)


def test_what_does_not_fit_is_not_written(tmp_path, vocabulary):
    first, second, *_ = ARRAYS
    lacking = {name: x for name, x in ARRAYS.items() if name != first} | {"unet.new": ARRAYS[first]}
    with pytest.raises(ValueError) as caught:
        write(tmp_path / "w", lacking, tokenizer=ClipTokenizer(vocabulary))
    message = str(caught.value)
    assert f"1 arrays are missing ({first})" in message
    assert "without 1 of the arrays (unet.new)" in message
    assert "its length is 77, but the text encoder takes at most 8" in message
    with pytest.raises(ValueError, match=f"{second} has shape .*, but the arguments build"):
        write(tmp_path / "w", ARRAYS | {second: np.ones((2, 2, 9))})
    with pytest.raises(ValueError, match="arguments: decoder; the networks are unet, autoencoder"):
        write(tmp_path / "w", {}, {"decoder": {}})
    assert list(tmp_path.iterdir()) == []
