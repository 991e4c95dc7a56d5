"""What torch wrote reads back equal, in every form, and nothing of it is ever executed."""

import zipfile

import ml_dtypes
import numpy as np
import pytest

from tests.checkpoint.hostile import archive
from tests.checkpoint.torch_files import (
    NEWER,
    STORAGES,
    Called,
    Made,
    Named,
    Opcodes,
    Parameter,
    Pickled,
    Viewed,
    state_dict,
    write_legacy,
    write_zip,
)
from vinf_jax.checkpoint.torch_file import open_tensors

WRITERS = {"zip": write_zip, "legacy": write_legacy}


@pytest.fixture(params=WRITERS)
def form(request):
    return request.param


@pytest.fixture
def write(form):
    return WRITERS[form]


def one_of_each() -> dict[str, np.ndarray]:
    """An array of every dtype, and of awkward shapes."""
    bits = np.random.default_rng(0).integers(0, 2, (3, 4, 5))
    arrays = {str(kind): bits.astype(kind) for kind in (*STORAGES, *NEWER)}
    shapes = {"scalar": np.float32(2.5).reshape(()), "empty": np.zeros((0, 3), np.float32)}
    return arrays | shapes


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found.shape(name), found.dtype(name)) == (array.shape, array.dtype)
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_every_kind_comes_back(tmp_path, form, write):
    write(tmp_path / "weights", state_dict(one_of_each()))
    found = open_tensors(tmp_path / "weights")
    assert_same(found, one_of_each())
    assert (found.form, found.wrapper, found.left_out) == (form, "", ())


def test_bits_are_untouched(tmp_path, write):
    bits = np.arange(2**16, dtype=np.uint16)
    for kind in (np.float16, ml_dtypes.bfloat16):
        write(tmp_path / "weights", {"x": bits.view(kind)})
        found = open_tensors(tmp_path / "weights")["x"]
        np.testing.assert_array_equal(np.asarray(found).view(np.uint16), bits)
        assert not found.flags.writeable


def test_views_share_a_storage(tmp_path, write):
    base = np.arange(24, dtype=np.float32)
    tree = {
        "turned": Viewed(base, 0, (4, 6), (1, 4)),
        "part": Viewed(base, 2, (3, 2), (8, 3)),
        "spread": Viewed(base, 5, (2, 3), (0, 1)),
        "one": Viewed(base, 23, (1, 1), (10**9, 77)),
        "whole": base,
    }
    write(tmp_path / "weights", tree)
    expected = {
        "turned": base.reshape(6, 4).T,
        "part": base[2 + 8 * np.arange(3)[:, None] + 3 * np.arange(2)],
        "spread": np.stack([base[5:8]] * 2),
        "one": base[23:].reshape(1, 1),
        "whole": base,
    }
    assert_same(open_tensors(tmp_path / "weights"), expected)
    assert (tmp_path / "weights").stat().st_size < 3000


def test_parameters_are_tensors(tmp_path, write):
    write(tmp_path / "weights", {"x": Parameter(np.ones((2, 3), np.float32))})
    assert_same(open_tensors(tmp_path / "weights"), {"x": np.ones((2, 3), np.float32)})


def test_what_stands_beside_a_state_dict(tmp_path, write):
    callback = Called(Named("lightning", "Callback"), (1,), state={"best": 3})
    tree = {
        "epoch": 3,
        "state_dict": state_dict({"a.b": np.ones(3, np.float32), "step": 7}),
        "callbacks": {Named("lightning", "Callback"): callback, 3: ("x", [None, 2.5])},
        "optimizer_states": [{"state": {0: {"exp_avg": np.zeros(3, np.float32)}}}],
    }
    write(tmp_path / "weights", tree)
    found = open_tensors(tmp_path / "weights")
    assert_same(found, {"a.b": np.ones(3, np.float32)})
    assert found.wrapper == "state_dict"
    assert found.left_out == ("epoch", "callbacks", "optimizer_states", "step")


def test_deepspeed_names_lose_their_prefix(tmp_path, write):
    tensors = {"model.x": np.ones(3, np.float32), "y": np.zeros(2, np.float32)}
    inside = {f"_forward_module.{name}": x for name, x in tensors.items()}
    write(tmp_path / "weights", {"module": state_dict(inside), "global_steps": 9})
    found = open_tensors(tmp_path / "weights")
    assert_same(found, tensors)
    assert (found.wrapper, found.left_out) == ("module", ("global_steps",))


def test_archives_of_64_bits(tmp_path):
    pickle = Pickled({"x": (x := np.arange(5, dtype=np.float32))}).data
    records = [("archive/data.pkl", pickle), ("archive/data/0", x.tobytes())]
    for wide in (False, True):
        (tmp_path / "weights").write_bytes(archive(records, wide=wide))
        with zipfile.ZipFile(tmp_path / "weights") as public:
            assert public.testzip() is None
        assert_same(open_tensors(tmp_path / "weights"), {"x": x})


def test_large_storages_are_made_one_at_a_time(tmp_path):
    made = []
    arrays = {
        name: Made((4,), np.dtype(np.float32), lambda n=n: made.append(n) or np.full(4, n, "f4"))
        for n, name in enumerate("abc")
    }
    write_zip(tmp_path / "weights", arrays)
    assert made == [0, 1, 2]
    assert_same(
        open_tensors(tmp_path / "weights"), {x: np.full(4, n, "f4") for n, x in enumerate("abc")}
    )


@pytest.mark.parametrize("bit", ["neg", "conj"])
def test_views_that_are_the_negative_of_what_is_stored_are_refused(tmp_path, bit):
    plain = Pickled(np.ones(2, np.float32))
    call = plain.data[2:-1].removesuffix(b"tR") + Pickled({bit: True}).data[2:-1] + b"tR"
    write_zip(tmp_path / "m.pt", {"x": Opcodes(call), "y": np.ones(2, np.float32)})
    with pytest.raises(ValueError, match=rf"a view \({bit}\) of another"):
        open_tensors(tmp_path / "m.pt")
