"""Weights in folders: which file is read, and indices that would lead somewhere else."""

import json

import numpy as np
import pytest

from convert import shards
from tests.convert.sources import write_weights

TENSORS = {name: np.full((2, 3), n, np.float32) for n, name in enumerate("abcde")}
STEM = "diffusion_pytorch_model"


def read(folder, variant=None):
    tensors, _, paths = shards.read(shards.weights_of(folder, variant))
    return {name: tensors[name] for name in tensors}, [path.name for path in paths]


def same(found):
    return found.keys() == TENSORS.keys() and all((found[n] == x).all() for n, x in TENSORS.items())


@pytest.mark.parametrize("extension", ["safetensors", "bin"])
@pytest.mark.parametrize("variant", ["", "fp16", "non_ema"])
@pytest.mark.parametrize("count", [1, 2])
def test_files_and_shards(extension, variant, count, tmp_path):
    write_weights(tmp_path, STEM, TENSORS, extension, variant, count)
    found, files = read(tmp_path)
    assert same(found) and len(files) == count
    assert same(read(tmp_path, variant)[0])


def test_older_names_of_a_variant(tmp_path):
    """Shards and index with the variant behind, as diffusers wrote them until 2024."""
    write_weights(tmp_path, STEM, TENSORS, "safetensors", "", 2)
    placed = json.loads((tmp_path / f"{STEM}.safetensors.index.json").read_text())["weight_map"]
    renamed = {shard: shard.replace(".safet", ".fp16.safet") for shard in placed.values()}
    for shard, name in renamed.items():
        (tmp_path / shard).rename(tmp_path / name)
    (tmp_path / f"{STEM}.safetensors.index.json").unlink()
    index = {"weight_map": {name: renamed[shard] for name, shard in placed.items()}}
    (tmp_path / f"{STEM}.safetensors.fp16.index.json").write_text(json.dumps(index))
    assert same(read(tmp_path)[0])


def test_safetensors_come_before_pickles_and_plain_names_before_variants(tmp_path):
    for extension in ("bin", "safetensors"):
        for variant in ("fp16", ""):
            write_weights(tmp_path, STEM, TENSORS, extension, variant)
    assert read(tmp_path)[1] == [f"{STEM}.safetensors"]
    assert read(tmp_path, "fp16")[1] == [f"{STEM}.fp16.safetensors"]
    with pytest.raises(ValueError, match=r"no variant 'bf16': there are fp16, one without a name"):
        read(tmp_path, "bf16")


def test_several_variants_are_a_choice(tmp_path):
    for variant in ("fp16", "ema"):
        write_weights(tmp_path, STEM, TENSORS, "safetensors", variant)
    with pytest.raises(ValueError, match=r"several variants: there are ema, fp16; .* --variant"):
        read(tmp_path)


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(ValueError, match="holds no weights under the names diffusion_pytorch"):
        read(tmp_path)
    write_weights(tmp_path, STEM, TENSORS, "bin", "", 2)
    (tmp_path / f"{STEM}.bin.index.json").unlink()
    with pytest.raises(ValueError, match=r"shards \(.*-00001-of-00002.bin, ...\) but not their"):
        read(tmp_path)


SHARD = f"{STEM}-00001-of-00002.safetensors"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda placed: placed | {"a": "../secret.safetensors"}, "no plain file names: '../secret"),
        (lambda placed: placed | {"a": "/etc/passwd"}, "no plain file names"),
        (lambda placed: placed | {"a": "sub\\x.safetensors"}, "no plain file names"),
        (lambda placed: placed | {"a": "C:x.safetensors"}, "no plain file names"),
        (lambda placed: placed | {"a": ["x"]}, "no plain file names"),
        (lambda placed: placed | {"a": ""}, "no plain file names"),
        (lambda placed: placed | {"a": "a\nb"}, "no plain file names"),
        (lambda placed: placed | {"a": "gone.safetensors"}, "not there: 'gone.safetensors'"),
        (lambda placed: placed | {"more": SHARD}, f"more is not in {SHARD}"),
        (lambda placed: placed | {"b": SHARD}, "(?s)b is not in .*b is in .*does not put it there"),
        (lambda placed: {k: v for k, v in placed.items() if k != "a"}, "a is in .* does not put"),
        (lambda placed: {}, "has no weight_map"),
        (lambda placed: None, "has no weight_map"),
    ],
)
def test_indices_that_do_not_fit_are_refused(change, said, tmp_path):
    write_weights(tmp_path, STEM, TENSORS, "safetensors", "", 2)
    index = tmp_path / f"{STEM}.safetensors.index.json"
    placed = json.loads(index.read_text())["weight_map"]
    index.write_text(json.dumps({"weight_map": change(placed)}))
    with pytest.raises(ValueError, match=said):
        read(tmp_path)


@pytest.mark.parametrize("text", ["", "[1]", "[" * 100_000, "\xff", '{"weight_map": 3}'])
def test_indices_that_are_none_are_refused(text, tmp_path):
    index = tmp_path / f"{STEM}.safetensors.index.json"
    index.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"index\.json"):
        read(tmp_path)
