import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from vinf_jax.checkpoint import store

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


@pytest.mark.parametrize("failing", ["ocp.save", "index.write", "_put"])
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
