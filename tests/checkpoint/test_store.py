import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from orbax.checkpoint import v1 as ocp

from vinf_jax.checkpoint import batches, store
from vinf_jax.checkpoint.stored import StoredArrays

KINDS = ("float32", "float16", "bfloat16", "int32", "float64", "int8", "uint8", "uint32", "bool")


def tree(kinds=KINDS):
    """Arrays of many kinds and shapes, made by jax and by numpy, with odd values among them."""
    rng = np.random.default_rng(0)
    arrays = {}
    for kind in kinds:
        values = rng.normal(0, 50, (3, 5)).astype(jnp.dtype(kind))
        if jnp.issubdtype(kind, jnp.floating):
            values[0, :4] = np.nan, np.inf, -0.0, 6e-8
        arrays |= {f"a.{kind}": jnp.asarray(values), f"a.b.{kind}": values[1]}
        arrays |= {f"scalar.{kind}": values[2, 1], f"jax.scalar.{kind}": jnp.asarray(values[2, 2])}
    return arrays


def shapes(arrays):
    return {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in arrays.items()}


def bits(x):
    return x.shape, x.dtype, np.asarray(x).tobytes()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "weights"
    store.save(path, small(), metadata={"step": 3})
    return path


def small():
    return {f"layers.{n}.kernel": np.full((2, n + 1), n, np.float32) for n in range(8)}


def test_every_bit_comes_back(x64, tmp_path):
    arrays = tree()
    store.save(tmp_path / "new" / "weights", arrays)
    back = store.load(tmp_path / "new" / "weights", shapes(arrays))
    assert {name: bits(x) for name, x in back.items()} == {
        name: bits(np.asarray(x)) for name, x in arrays.items()
    }
    assert all(isinstance(x, jax.Array) for x in back.values())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["weights"]


def test_no_file_says_where_it_was_made(saved):
    home = str(saved.parent).encode()
    files = [file for file in saved.rglob("*") if file.is_file()]
    assert [file.name for file in files if home in file.read_bytes()] == []
    assert (saved / batches.COMMITTED).exists()


def test_description_needs_no_arrays(tmp_path):
    note = {"step": 12, "config": {"width": [1, 2]}, "name": "Grüße"}
    store.save(tmp_path / "weights", tree(), metadata=note)
    described, metadata = store.describe(tmp_path / "weights")
    assert metadata == note
    assert described == {name: (x.shape, x.dtype) for name, x in tree().items()}


def test_any_mesh_to_any_mesh(tmp_path):
    values = np.arange(96, dtype=np.float32).reshape(24, 4)
    eight, two = (
        NamedSharding(jax.make_mesh((n,), ("clip",), axis_types=(AxisType.Auto,)), spec)
        for n, spec in ((8, PartitionSpec("clip")), (2, PartitionSpec(None, "clip")))
    )
    store.save(tmp_path / "w", {"x": jax.device_put(values, eight), "y": jnp.ones(2)})
    abstract = shapes({"x": values, "y": np.ones(2, np.float32)})
    for sharding in (eight, two):
        like = jax.ShapeDtypeStruct(values.shape, values.dtype, sharding=sharding)
        back = store.load(tmp_path / "w", abstract | {"x": like})
        assert back["x"].sharding == sharding
        np.testing.assert_array_equal(back["x"], values)
    assert store.load(tmp_path / "w", abstract)["x"].sharding == jnp.zeros(()).sharding


def test_floats_are_cast_to_what_is_asked_for(saved):
    abstract = {name: jax.ShapeDtypeStruct(x.shape, jnp.bfloat16) for name, x in small().items()}
    back = store.load(saved, abstract)
    assert all(x.dtype == jnp.bfloat16 for x in back.values())
    np.testing.assert_array_equal(back["layers.7.kernel"], np.full((2, 8), 7))


def test_all_differences_in_one_message(saved):
    abstract = shapes(small())
    abstract |= {f"new.{n}": abstract["layers.0.kernel"] for n in range(7)}
    del abstract["layers.1.kernel"]
    abstract["layers.2.kernel"] = jax.ShapeDtypeStruct((3, 2), jnp.float32)
    abstract["layers.3.kernel"] = jax.ShapeDtypeStruct((2, 4), jnp.int32)
    with pytest.raises(ValueError) as caught:
        store.load(saved, abstract)
    message = str(caught.value)
    assert "7 missing in the checkpoint (new.0, new.1, new.2, new.3, new.4, and 2 more)" in message
    assert "1 only in the checkpoint (layers.1.kernel)" in message
    assert "2 of another shape or kind (layers.2.kernel is float32 (2, 3), not" in message
    assert str(saved) in message


def test_float64_is_refused_without_x64(saved):
    abstract = {name: jax.ShapeDtypeStruct(x.shape, np.float64) for name, x in small().items()}
    with pytest.raises(ValueError, match="8 of 64 bits, with jax_enable_x64 off"):
        store.load(saved, abstract)


def files(path):
    return sorted(file for file in path.rglob("*") if file.is_file() and file.stat().st_size)


def test_every_missing_file_is_noticed(saved):
    for file in files(saved):
        content = file.read_bytes()
        file.unlink()
        for read in (store.describe, lambda path: store.load(path, shapes(small()))):
            with pytest.raises(ValueError, match=f"{saved}.*(damaged|unfinished)"):
                read(saved)
        file.write_bytes(content)
    store.load(saved, shapes(small()))


def test_every_shortened_file_is_noticed(saved):
    for file in files(saved):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        for read in (store.describe, lambda path: store.load(path, shapes(small()))):
            with pytest.raises(ValueError, match=f"{saved} is damaged"):
                read(saved)
        file.write_bytes(content)


def test_a_changed_byte_is_noticed(saved):
    largest = max(files(saved / "state"), key=lambda file: file.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    with pytest.raises(
        ValueError, match=f"damaged or unfinished: state/.*{largest.name} is changed"
    ):
        store.load(saved, shapes(small()))


@pytest.mark.parametrize("index", ["[]", "{}", '{"arrays": {"x": 3}, "files": {}, "metadata": {}}'])
def test_a_strange_index_is_damage(saved, index):
    (saved / "checkpoint.json").write_text(index)
    with pytest.raises(ValueError, match=r"damaged: checkpoint\.json"):
        store.describe(saved)


def test_what_is_no_checkpoint(tmp_path):
    (tmp_path / "file").touch()
    for name in ("nothing", "file"):
        with pytest.raises(ValueError, match=f"{name} is no checkpoint: there is no such folder"):
            store.load(tmp_path / name, shapes(small()))
    with pytest.raises(ValueError, match=f"{tmp_path} is no checkpoint, or an unfinished one"):
        store.describe(tmp_path)


def test_replacing_is_asked_for_and_whole(saved):
    with pytest.raises(FileExistsError, match=r"weights exists; overwrite=True"):
        store.save(saved, small())
    store.save(saved, {"x": np.ones(2)}, overwrite=True)
    assert list(store.describe(saved)[0]) == ["x"]
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize("other", ["folder", "checkpoint.json", "checkpoint"])
def test_a_folder_with_files_of_others_is_never_replaced(saved, other):
    names = {"folder": "x.txt", "checkpoint.json": "checkpoint.json", "checkpoint": "x.txt"}
    path = saved if other == "checkpoint" else saved.parent / other
    path.mkdir(exist_ok=True)
    (path / names[other]).write_text("{}")
    with pytest.raises(FileExistsError, match=f"no part of a checkpoint .{names[other]}., which"):
        store.save(path, small(), overwrite=True)
    assert (path / names[other]).read_text() == "{}"
    (path / names[other]).unlink()
    store.save(path, small(), overwrite=True)
    assert store.describe(path)[1] == {}


@pytest.mark.parametrize("failing", ["batches.ocp.save", "index.write", "_put"])
def test_a_failed_save_leaves_the_old_one(saved, monkeypatch, failing):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(f"vinf_jax.checkpoint.store.{failing}", fail)
    with pytest.raises(OSError, match=r"weights cannot be written: disk full"):
        store.save(saved, {"x": np.ones(2)}, overwrite=True)
    with pytest.raises(OSError, match="cannot be written"):
        store.save(saved.parent / "other", small())
    assert store.describe(saved)[1] == {"step": 3}
    assert list(saved.parent.iterdir()) == [saved]


def test_a_stop_between_two_names_is_explained(saved):
    saved.rename(saved.with_name(".weights.replaced"))
    with pytest.raises(ValueError, match=r"earlier version is whole: rename .*\.weights\.replaced"):
        store.describe(saved)
    store.save(saved, small())
    assert list(saved.parent.iterdir()) == [saved]


def test_what_cannot_be_saved(tmp_path):
    path = tmp_path / "weights"
    strange = {"empty": np.ones((0, 2)), "text": np.array("x"), "none": None, "good": np.ones(1)}
    with pytest.raises(
        ValueError, match=r"empty is float64 \(0, 2\), text is <U1 \(\), none is obj"
    ):
        store.save(path, strange)
    with pytest.raises(ValueError, match="nothing to save"):
        store.save(path, {})
    with pytest.raises(ValueError, match=r"metadata is not what JSON can hold: .*set"):
        store.save(path, small(), metadata={"x": {1}})
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match=r"file/weights cannot be written"):
        store.save(file / "weights", small())
    assert list(tmp_path.iterdir()) == [file]


def test_no_compression(saved):
    assert "zstd" not in (saved / "state" / "_METADATA").read_text()
    metadata = json.loads((saved / "checkpoint.json").read_text())
    assert sum(size for size, _ in metadata["files"].values()) > sum(
        x.nbytes for x in small().values()
    )


class Lazy(Mapping):
    """Arrays that are made when asked for, and how often each was."""

    def __init__(self, arrays):
        self.arrays, self.asked = arrays, Counter()

    def __getitem__(self, name):
        self.asked[name] += 1
        return self.arrays[name]

    def __iter__(self):
        return iter(self.arrays)

    def __len__(self):
        return len(self.arrays)


@pytest.fixture
def small_batches(monkeypatch):
    """Many batches where there would be one: the largest arrays are larger than a batch."""
    monkeypatch.setattr(batches, "BATCH", 40)


def test_many_batches_are_an_ordinary_checkpoint(x64, tmp_path, small_batches):
    """Orbax reads it by itself; every array was asked for once, and told about once."""
    arrays, told = Lazy(tree()), []
    path = tmp_path / "weights"
    store.save(path, arrays, on_array=lambda *which: told.append(which))
    assert arrays.asked == dict.fromkeys(tree(), 1)
    assert told == [(name, x.nbytes) for name, x in tree().items()]
    assert list(tmp_path.iterdir()) == [path]
    here = jnp.zeros(()).sharding
    like = {
        name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=here) for name, x in tree().items()
    }
    for back in (store.load(path, shapes(tree())), ocp.load(str(path), like)):
        assert {name: bits(x) for name, x in back.items()} == {
            name: bits(np.asarray(x)) for name, x in tree().items()
        }


def test_many_batches_on_any_mesh(tmp_path, small_batches):
    test_any_mesh_to_any_mesh(tmp_path)


def test_views_are_saved_as_they_look(tmp_path, small_batches):
    """Turned, cut and read-only ones, as converted weights are."""
    stored = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    stored.setflags(write=False)
    views = {"turned": stored.transpose(2, 0, 1), "cut": stored[:, 1:, ::2]}
    store.save(tmp_path / "w", views)
    for name, x in store.arrays(tmp_path / "w").items():
        np.testing.assert_array_equal(x, views[name])


@pytest.mark.parametrize("size", [40, 2**28])
def test_arrays_one_at_a_time(tmp_path, monkeypatch, size):
    monkeypatch.setattr(batches, "BATCH", size)
    arrays = tree(("float32", "bfloat16", "int8", "bool"))
    store.save(tmp_path / "weights", arrays)
    stored = store.arrays(tmp_path / "weights")
    assert list(stored) == list(arrays) and len(stored) == len(arrays)
    for name, x in arrays.items():
        assert (stored.shape(name), stored.dtype(name)) == (x.shape, x.dtype)
        assert bits(stored[name]) == bits(np.asarray(x))
    with pytest.raises(KeyError):
        stored["unknown"]


def test_only_floats_are_cast(tmp_path):
    arrays = {"x": np.array([1 / 3, np.inf, np.nan], np.float32), "n": np.arange(3)}
    store.save(tmp_path / "w", arrays, dtype=jnp.bfloat16)
    back = store.arrays(tmp_path / "w")
    assert back.dtype("x") == jnp.bfloat16 and back.dtype("n") == np.int64
    assert bits(back["x"]) == bits(arrays["x"].astype(jnp.bfloat16))
    with pytest.raises(ValueError, match=r"dtype: float16 is too narrow for numbers of large, y"):
        store.save(
            tmp_path / "v",
            {"large": np.full(2, 1e6, np.float32), "y": jnp.full(2, -1e6), **arrays},
            dtype=np.float16,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


def test_files_beside_the_arrays(tmp_path, saved):
    path = tmp_path / "w"
    beside = {"words/list.txt": lambda file: file.write_text("a b"), "kept": Path.touch}
    store.save(path, small(), beside=beside)
    assert (path / "words" / "list.txt").read_text() == "a b" and (path / "kept").exists()
    store.load(path, shapes(small()))
    (path / "words" / "list.txt").write_text("b a")
    with pytest.raises(ValueError, match=r"words/list\.txt is changed"):
        store.load(path, shapes(small()))


@pytest.mark.parametrize("at", ["array", "file"])
def test_a_stop_on_the_way_leaves_the_old_one(saved, small_batches, at):
    def stop(*_):
        raise KeyboardInterrupt

    where = {"on_array": stop} if at == "array" else {"beside": {"file": stop}}
    with pytest.raises(KeyboardInterrupt):
        store.save(saved, small(), overwrite=True, **where)
    assert store.describe(saved)[1] == {"step": 3}
    assert list(saved.parent.iterdir()) == [saved]


def test_numbers_too_large_for_what_is_asked_for_are_refused(tmp_path):
    arrays = {"x": np.float32([7e4, np.inf]), "y": np.float32([np.inf, 1])}
    store.save(tmp_path / "w", arrays)
    wanted = {name: jax.ShapeDtypeStruct((2,), jnp.float16) for name in arrays}
    with pytest.raises(ValueError, match=r"dtype: float16 is too narrow for numbers of x in "):
        store.load(tmp_path / "w", wanted)
    wide = {name: jax.ShapeDtypeStruct((2,), jnp.bfloat16) for name in arrays}
    assert store.load(tmp_path / "w", wide)["x"][0] == jnp.bfloat16(7e4)


def test_arrays_of_another_shape_than_described_are_not_read(saved):
    name, (shape, kind) = next(iter(store.describe(saved)[0].items()))
    assert StoredArrays(saved, {name: (shape, kind)})[name].shape == shape
    with pytest.raises(ValueError, match=f"damaged: {name} is"):
        StoredArrays(saved, {name: ((*shape, 2), kind)})[name]
