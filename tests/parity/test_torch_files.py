"""Files that torch and safetensors themselves wrote read back equal, and they read ours."""

import collections

import numpy as np
import pytest

from tests.checkpoint.torch_files import state_dict, write_legacy, write_zip
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.torch_file import open_tensors

torch = pytest.importorskip("torch", reason="compared with torch where it is installed")

PLAIN = [
    "float32",
    "float16",
    "bfloat16",
    "float64",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
]
NEWER = ["uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"]


def tensors() -> dict:
    base = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    made = {kind: (3 * base).abs().to(getattr(torch, kind)) for kind in PLAIN}
    made["turned"], made["part"], made["again"] = base.T, base[1:, ::2], base
    made["spread"], made["scalar"], made["empty"] = base[0].expand(3, 6), base[0, 0], base[:0]
    made["parameter"] = torch.nn.Parameter(base)
    made["marked"] = torch.nn.Parameter(base)
    made["marked"].mark = 1
    return made


def raw(tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found.dtype(name).name == str(tensor.dtype).removeprefix("torch.")
        assert found.shape(name) == tuple(tensor.shape)
        assert np.ascontiguousarray(found[name]).tobytes() == raw(tensor), name


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("new", [True, False])
def test_every_form_of_torch(tmp_path, new, protocol):
    options = {"_use_new_zipfile_serialization": new, "pickle_protocol": protocol}
    torch.save(tensors(), tmp_path / "x", **options)
    found = open_tensors(tmp_path / "x")
    assert_same(found, tensors())
    assert found.form == ("zip" if new else "legacy")


@pytest.mark.parametrize("new", [True, False])
def test_newer_dtypes(tmp_path, new):
    made = {kind: torch.arange(6).to(getattr(torch, kind)) for kind in NEWER}
    torch.save(made, tmp_path / "x", _use_new_zipfile_serialization=new)
    assert_same(open_tensors(tmp_path / "x"), made)


class Stranger:
    """A class that the reader does not know."""


@pytest.mark.parametrize("new", [True, False])
def test_a_training_checkpoint(tmp_path, new):
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).half()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(2, 3).half()).sum().backward()
    optimizer.step()
    saved = {
        "state_dict": net.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "callbacks": {Stranger: Stranger(), "scale": np.float64(3)},
        "counts": collections.Counter("abc"),
        "epoch": 3,
    }
    torch.save(saved, tmp_path / "x", _use_new_zipfile_serialization=new)
    found = open_tensors(tmp_path / "x")
    assert_same(found, net.state_dict())
    assert found.left_out == ("optimizer_states", "callbacks", "counts", "epoch")


def test_a_whole_module_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 3), tmp_path / "x")
    with pytest.raises(ValueError, match=r"holds a torch\.nn\.modules\.linear\.Linear, not a dict"):
        open_tensors(tmp_path / "x")


def test_torch_reads_the_tests_own_files(tmp_path):
    """The writer of the other tests is no private dialect of them and the reader."""
    plain = {kind: np.arange(6).astype(kind) for kind in ("f4", "f2", "i8", "?")}
    newer = {"u2": np.arange(6).astype("u2")}  # which torch itself cannot read in the old form
    for write, made in ((write_zip, plain | newer), (write_legacy, plain)):
        write(tmp_path / "x", {"state_dict": state_dict(made)})
        read = torch.load(tmp_path / "x", weights_only=True)["state_dict"]
        assert {name: tensor.numpy().tolist() for name, tensor in read.items()} == {
            name: array.tolist() for name, array in made.items()
        }


def test_safetensors_both_ways(tmp_path):
    public = pytest.importorskip("safetensors.torch", reason="compared where it is installed")
    made = {name: x.detach().clone().contiguous() for name, x in tensors().items()}
    public.save_file(made, tmp_path / "theirs", metadata={"format": "pt"})
    theirs = open_tensors(tmp_path / "theirs")
    assert {name: theirs[name].tobytes() for name in theirs} == {n: raw(x) for n, x in made.items()}
    assert theirs.metadata == {"format": "pt"}
    write_safetensors(tmp_path / "ours", theirs, theirs.metadata)
    back = public.load_file(tmp_path / "ours")
    assert {n: (x.dtype, x.shape, raw(x)) for n, x in back.items()} == {
        n: (x.dtype, x.shape, raw(x)) for n, x in made.items()
    }
