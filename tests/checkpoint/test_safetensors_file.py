"""safetensors files: what is written reads back, one tensor at a time, whole or not at all."""

import json
import struct

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.safetensors_views import KINDS
from vinf_jax.checkpoint.torch_file import open_tensors


def header(path) -> dict:
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + size])


def one_of_each() -> dict[str, np.ndarray]:
    bits = np.random.default_rng(0).integers(0, 2, (3, 4, 5))
    arrays = {kind: bits.astype(dtype) for kind, dtype in KINDS.items()}
    arrays["scalar"], arrays["empty"] = np.float32(2.5).reshape(()), np.zeros((0, 3))
    return arrays | {"turned": bits.T.astype("f4"), "stepped": bits.astype("f8")[:, ::2]}


def test_there_and_back(tmp_path):
    arrays = one_of_each()
    write_safetensors(tmp_path / "x", arrays, {"format": "pt", "größe": "ß"})
    found = open_tensors(tmp_path / "x")
    assert found.metadata == {"format": "pt", "größe": "ß"}
    assert (found.form, found.wrapper, found.left_out) == ("safetensors", "", ())
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert found[name].flags.aligned


def test_bytes_are_as_the_format_says(tmp_path):
    write_safetensors(tmp_path / "x", {"a": np.arange(3, dtype="i1"), "b": np.ones((1, 2), "f4")})
    assert header(tmp_path / "x") == {
        "b": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
        "a": {"dtype": "I8", "shape": [3], "data_offsets": [8, 11]},
    }
    data = (tmp_path / "x").read_bytes()
    assert data[-11:] == np.ones(2, "<f4").tobytes() + bytes([0, 1, 2])
    assert (len(data) - 11) % 8 == 0


def test_jax_arrays_are_welcome(tmp_path):
    write_safetensors(tmp_path / "x", {"a": jnp.ones((2, 3), jnp.bfloat16)})
    array = open_tensors(tmp_path / "x")["a"]
    assert array.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(array, np.ones((2, 3), ml_dtypes.bfloat16))


class Asked(dict):
    """Notes which arrays were asked for."""

    def __init__(self, arrays):
        super().__init__(arrays)
        self.names = []

    def __getitem__(self, name):
        self.names.append(name)
        return super().__getitem__(name)


def test_with_shapes_each_array_is_asked_for_once(tmp_path):
    arrays = Asked({"a": np.ones((2, 3), "f4"), "b": np.zeros(4, "f4")})
    shapes = {name: (x.shape, x.dtype) for name, x in arrays.items()}
    write_safetensors(tmp_path / "x", arrays, shapes=shapes)
    assert arrays.names == ["a", "b"]
    assert list(open_tensors(tmp_path / "x")) == ["a", "b"]


def test_nothing_half_written_stays(tmp_path):
    path = tmp_path / "x"
    write_safetensors(path, {"a": np.ones(3, "f4")})
    shapes = {name: ((3,), np.dtype("f4")) for name in "ab"}
    with pytest.raises(ValueError, match=r"b is float32 \(4,\), not float32 \(3,\) as said"):
        write_safetensors(path, {"a": np.zeros(3, "f4"), "b": np.ones(4, "f4")}, shapes=shapes)
    np.testing.assert_array_equal(open_tensors(path)["a"], np.ones(3, "f4"))
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        write_safetensors(tmp_path / "no" / "x", {"a": np.ones(3, "f4")})


def test_what_cannot_be_written(tmp_path):
    ones = np.ones(3, "f4")
    refusals = {
        "nothing to write": {},
        "no such dtypes: a is complex128, b is >f4": {
            "a": ones.astype("c16"),
            "b": ones.astype(">f4"),
        },
        "can be named __metadata__": {"__metadata__": ones},
    }
    for reason, arrays in refusals.items():
        with pytest.raises(ValueError, match=reason):
            write_safetensors(tmp_path / "x", arrays)
    with pytest.raises(ValueError, match="metadata of a safetensors file are texts"):
        write_safetensors(tmp_path / "x", {"a": ones}, {"step": 3})
    assert list(tmp_path.iterdir()) == []
