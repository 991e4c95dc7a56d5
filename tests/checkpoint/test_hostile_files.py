"""Hostile and damaged files are refused with a reason, run nothing and cost little."""

import os
import random
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from tests.checkpoint.hostile import (
    BASE,
    TREE,
    archive,
    around,
    compressed,
    damaged,
    files,
    honest,
    safetensors,
    watch,
)
from tests.checkpoint.torch_files import (
    Called,
    Named,
    Opcodes,
    Pickled,
    Viewed,
    write_legacy,
    write_zip,
)
from vinf_jax.checkpoint import pickle_machine, safetensors_views
from vinf_jax.checkpoint.torch_file import open_tensors


@pytest.fixture
def refused(tmp_path):
    """Opens these bytes, or what lies at `path`, and gives the reason why they are refused."""

    def reason(data: bytes | None = None, path=tmp_path / "weights") -> str:
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(ValueError) as caught:
            open_tensors(path)
        text = str(caught.value)
        assert text.startswith(f"{path} cannot be read: ")
        return text

    return reason


PAYLOADS = {
    "a program": Called(Named("os", "system"), ("touch {}",)),
    "an expression": Called(Named("builtins", "eval"), ("open('{}', 'w')",)),
    "a process": Called(Named("subprocess", "Popen"), (["touch", "{}"],)),
    "a class with state": Called(Named("pathlib", "Path"), ("{}",), state={"x": 1}),
    "protocol 4": Opcodes(
        b"\x8c\x02os\x8c\x06system\x93\x8c\x02{}\x85R".replace(b"\x02{}", b"\x09touch run")
    ),
}


@pytest.mark.parametrize("write", [write_zip, write_legacy])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_payloads_do_not_run(tmp_path, monkeypatch, refused, write, payload):
    monkeypatch.chdir(tmp_path)
    path, sign = tmp_path / "weights", tmp_path / "run"
    planted = PAYLOADS[payload]
    if isinstance(planted, Called):
        planted = Called(
            planted.function, _aimed(planted.arguments, str(sign)), state=planted.state
        )
    write(path, {"state_dict": {"x": BASE}, "callbacks": planted})
    with watch() as acts:
        found = open_tensors(path)
        assert np.array_equal(found["x"], BASE)
    assert found.left_out == ("callbacks",)
    write(path, {"state_dict": {"x": BASE, "y": planted}})
    with watch() as more:
        assert "classes that are not read, among the tensors: y (" in refused()
    assert (acts, more, sign.exists()) == ([], [], False)


def _aimed(arguments, sign):
    if isinstance(arguments, str):
        return arguments.replace("{}", sign)
    return type(arguments)(_aimed(argument, sign) for argument in arguments)


def test_the_watch_sees(tmp_path):
    with watch() as acts:
        os.system("true")
        (tmp_path / "file").write_text("x")
    assert acts == ["os.system", "open"]


def tensor(offset: int = 0, shape: tuple = (24,), strides: tuple = (1,)) -> dict:
    return {"x": Viewed(BASE, offset, shape, strides)}


VIEWS = {
    "behind its storage": (tensor(shape=(25,)), "reaches byte 100, but its storage has 96"),
    "by its offset": (tensor(offset=1), "reaches byte 100"),
    "by its strides": (tensor(shape=(2, 3), strides=(20, 2)), "reaches byte 100"),
    "before its storage": (tensor(offset=-1, shape=(1,)), "negative offset, size or stride"),
    "backwards": (tensor(offset=23, strides=(-1,)), "negative offset, size or stride"),
    "of negative size": (tensor(shape=(-1,)), "negative offset, size or stride"),
    "repeated for ever": (tensor(shape=(2**40,), strides=(0,)), "tensors claim 4398046511104"),
    "empty and huge": (tensor(shape=(0, 2**62), strides=(1, 1)), "claims a shape of more than"),
    "of half a step": (tensor(shape=(1.5,)), "no integers"),
    "of unlike lengths": (tensor(shape=(2, 2)), "2 sizes and 1 strides"),
    "of 65 axes": (tensor(shape=(1,) * 65, strides=(1,) * 65), "65 sizes"),
}


@pytest.mark.parametrize("write", [write_zip, write_legacy])
@pytest.mark.parametrize(("tree", "reason"), VIEWS.values(), ids=VIEWS)
def test_views(tmp_path, refused, write, tree, reason):
    write(tmp_path / "weights", tree)
    assert reason in refused()


def test_claims_add_up(tmp_path, refused):
    """Each view is small enough alone; together they are 200 times the file."""
    many = {str(n): Viewed(BASE, 0, (2**20,), (0,)) for n in range(100)}
    write_zip(tmp_path / "weights", many)
    assert "tensors claim 419430400 bytes, far more than the file has" in refused()


GOOD = Pickled({"x": BASE}).data
LARGER = Pickled({"x": np.zeros(25, np.float32)}).data
TWO = Pickled({"x": BASE, "y": BASE + 1}).data
INNER = archive([("archive/data/0", BASE.tobytes())])[: 30 + 14 + 96]


def _patched(data: bytes, sign: bytes, distance: int, value: bytes) -> bytes:
    place = data.index(sign) + distance
    return data[:place] + value + data[place + len(value) :]


ARCHIVES = {
    "compressed": (compressed(around(GOOD)), "compressed or encrypted"),
    "encrypted": (_patched(around(GOOD), b"PK\x01\x02", 8, b"\x01"), "compressed or encrypted"),
    "TorchScript": (
        archive([("a/data.pkl", GOOD), ("a/constants.pkl", GOOD), ("a/code/x.py", b"x")]),
        "TorchScript",
    ),
    "two pickles": (archive([("a/data.pkl", GOOD), ("b/data.pkl", GOOD)]), "holds 2 files data"),
    "no pickle": (archive([("a/data/0", BASE.tobytes())]), "holds 0 files data.pkl"),
    "a doubled record": (archive([("a/data.pkl", GOOD)] * 2), "'a/data.pkl' twice"),
    "overlapping records": (
        archive(
            [("archive/data.pkl", GOOD + INNER), ("archive/data/0", BASE.tobytes())],
            {"archive/data/0": 30 + 16 + len(GOOD)},
        ),
        "'archive/data.pkl' and 'archive/data/0' overlap",
    ),
    "a record of two names": (
        _patched(around(GOOD), b"archive/data/0", 13, b"1"),
        "has two names",
    ),
    "a displaced record": (
        archive([("archive/data.pkl", GOOD)], {"archive/data.pkl": 2**31}),
        "is not where the archive says",
    ),
    "a long record": (
        _patched(
            _patched(around(GOOD), b"PK\x01\x02", 20, b"\xff\xff"), b"PK\x01\x02", 24, b"\xff\xff"
        ),
        "reaches into the list of records",
    ),
    "many records": (_patched(around(GOOD), b"PK\x05\x06", 10, b"\xff\xff"), "list of records is"),
    "a list outside": (_patched(around(GOOD), b"PK\x05\x06", 12, b"\xff\xff"), "lies outside"),
    "a larger tensor": (around(LARGER), "storage 0 needs 100 bytes, but is 96 bytes"),
    "a missing storage": (around(TWO), "storage 1 needs 96 bytes, but is missing"),
    "big-endian": (
        archive([("a/data.pkl", GOOD), ("a/byteorder", b"big")]),
        "byte order is b'big'",
    ),
}


@pytest.mark.parametrize(("data", "reason"), ARCHIVES.values(), ids=ARCHIVES)
def test_archives(refused, data, reason):
    assert reason in refused(data)


def opcodes(*parts: bytes) -> bytes:
    return around(b"\x80\x02" + b"".join(parts) + b".")


NESTED = b")" + b"2\x86" * 1000


def storage(key: str = "0", count: int = 24) -> bytes:
    identity = ("storage", Named("torch", "FloatStorage"), key, "cpu", count)
    return Pickled(identity).data[2:-1] + b"Q"


TWICE = storage() + storage(count=5)
PICKLES = {
    "an integer of 2 GiB": (opcodes(b"\x8b\xff\xff\xff\x7f"), "integer of 2147483647 bytes"),
    "an integer of kilobytes": (opcodes(b"\x8b\x00\x10\0\0" + bytes(4096)), "integer of 4096"),
    "a negative length": (opcodes(b"\x8b\xff\xff\xff\xff"), "claims -1 bytes"),
    "a block of exabytes": (opcodes(b"\x8e" + b"\xff" * 8), "claims 18446744073709551615 bytes"),
    "a text of 32 MiB": (opcodes(b"X\0\0\0\x02"), "ends too early"),
    "a memo of four billion": (opcodes(b"}r\xff\xff\xff\xff"), "no tensors in it, but nothing"),
    "what was never kept": (opcodes(b"j\xff\xff\xff\xff"), "recalls 4294967295"),
    "doubled for ever": (opcodes(b"}", NESTED, b"Ns"), "no tensors in it, but <tuple>"),
    "a shape doubled for ever": (
        opcodes(b"}X\1\0\0\0x", b"ctorch\nSize\n", NESTED, b"\x85Rs"),
        "no tensors in it",
    ),
    "very deep": (opcodes(b"}X\1\0\0\0x" + b"]" * 20_000, b"a" * 19_999, b"s"), "no tensors"),
    "a long key": (opcodes(b"}X\x01\x10\0\0" + b"a" * 4097, b"Ns"), "a key of 4097 characters"),
    "a storage with a long key": (opcodes(storage("0" * 300)), "a key or a size that torch never"),
    "a storage of nothing": (opcodes(b"NQ"), "not described as torch does it"),
    "a storage in two ways": (opcodes(TWICE), "storage 0 is described in two ways"),
    "protocol 0": (opcodes(b"I01\n"), "opcode b'I'"),
    "an extension": (opcodes(b"\x82\x01"), "opcode b'\\x82'"),
    "nothing": (opcodes(), "takes what it never made"),
    "a call of no function": (opcodes(b"N)R"), "calls what is no function"),
    "a long name": (opcodes(b"c" + b"a" * 300 + b"\nb\n"), "a name, or has one above 256"),
    "text that is none": (opcodes(b"X\1\0\0\0\xff"), "no UTF-8"),
    "a list": (opcodes(b"]"), "holds a list, not a dictionary"),
    "an object": (opcodes(b"cnet\nNet\n)\x81"), r"holds a net.Net, not a dictionary"),
}


@pytest.mark.parametrize(("data", "reason"), PICKLES.values(), ids=PICKLES)
def test_pickles(refused, data, reason):
    assert reason in refused(data)


def test_work_has_a_bound(refused, monkeypatch):
    monkeypatch.setattr(pickle_machine, "MAX_STEPS", 5000)
    assert "more than 5000 steps" in refused(opcodes(b"N0" * 2501))
    pairs = b"](" + b"](K\x01K\x02e" * 800 + b"eq\x00"
    ordered = b"ccollections\nOrderedDict\nh\x00\x85R0"
    assert "holds a list" in refused(opcodes(pairs))
    assert "more than 5000 steps" in refused(opcodes(pairs, ordered * 2))


def test_claims_cost_no_memory(refused):
    claims = [
        PICKLES["an integer of 2 GiB"][0],
        PICKLES["a block of exabytes"][0],
        PICKLES["a memo of four billion"][0],
        PICKLES["doubled for ever"][0],
        ARCHIVES["many records"][0],
        safetensors({}, size=99_999_999),
    ]
    refused(claims[0])
    tracemalloc.start()
    for data in claims:
        refused(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def entry(dtype: str = "F32", shape: tuple = (2,), offsets: tuple = (0, 8)) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


HEADERS = {
    "too long": (safetensors({}, size=2**40), "claims 1099511627776 bytes"),
    "longer than the file": (safetensors({}, size=100), "claims 100 bytes"),
    "nested": (safetensors(b'{"a":' + b"[" * 10**5), "nested too deep"),
    "no JSON": (safetensors(b"{a"), "header is no JSON: Expecting property name"),
    "no UTF-8": (safetensors(b'{"\xff"'), "no UTF-8"),
    "empty": (safetensors({}), "names no tensors"),
    "a name twice": (safetensors(b'{"a":1,"a":1}'), "names something twice"),
    "overlapping": (
        safetensors({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)),
        "'b' overlaps with 'a'",
    ),
    "aliased": (safetensors({"a": entry(), "b": entry()}, bytes(8)), "'b' overlaps with 'a'"),
    "a gap": (safetensors({"a": entry(offsets=(4, 12))}, bytes(12)), "a gap behind 'the header'"),
    "bytes behind": (safetensors({"a": entry()}, bytes(9)), "is it cut off?"),
    "cut off": (safetensors({"a": entry()}, bytes(7)), "is it cut off?"),
    "another size": (safetensors({"a": entry(shape=(3,))}, bytes(8)), "F32 [3] has 8 bytes"),
    "backwards": (safetensors({"a": entry(offsets=(8, 0))}, bytes(8)), "has -8 bytes"),
    "negative": (safetensors({"a": entry(shape=(-2,))}), "no proper shape or offsets"),
    "huge": (safetensors({"a": entry(shape=(2**59, 2**59, 0))}), "claims a shape of more"),
    "a fraction": (safetensors(b'{"a":{"shape":[1.5]}}'), "the number 1.5"),
    "a truth": (safetensors({"a": entry(shape=(True,))}), "no proper shape or offsets"),
    "a strange dtype": (safetensors({"a": entry("F4")}), "dtype 'F4'; F64, F32"),
    "a number as text": (safetensors({"__metadata__": {"a": 1}}), "something else than texts"),
    "no description": (safetensors({"a": [1, 2]}), "not described as the format asks"),
}


@pytest.mark.parametrize(("data", "reason"), HEADERS.values(), ids=HEADERS)
def test_safetensors_headers(refused, data, reason):
    assert reason in refused(data)


def test_a_header_of_very_many_items(refused, monkeypatch):
    monkeypatch.setattr(safetensors_views, "MAX_ITEMS", 10)
    assert "more than 10 items" in refused(safetensors({"a": [1] * 20}))


STRANGERS = {
    "nothing": (b"", "it is empty"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "a page": (b"\n<!DOCTYPE html><html>", "a web page"),
    "text": (b"weights", "neither a file of torch.save nor a safetensors file"),
    "a plain pickle": (Pickled({"x": 1}).data, "none that torch.save wrote"),
    "an old version": (Pickled(0x1950A86A20F9469CFC6C).data + Pickled(7).data * 2, "is not 1001"),
}


@pytest.mark.parametrize(("data", "reason"), STRANGERS.values(), ids=STRANGERS)
def test_no_weights(refused, data, reason):
    assert reason in refused(data)


def test_no_files(tmp_path, refused):
    os.mkfifo(tmp_path / "pipe")
    assert "it is no file" in refused(path=tmp_path / "pipe")
    assert "it is no file" in refused(path=tmp_path)
    assert "no such file" in refused(path=tmp_path / "missing")


def test_legacy_facts(tmp_path, refused):
    write_legacy(tmp_path / "weights", TREE, little_endian=False)
    assert "little-endian" in refused()
    write_legacy(tmp_path / "weights", {"x": BASE})
    data = (tmp_path / "weights").read_bytes()
    assert "list of storages is not that" in refused(data.replace(b"](X\1\0\0\0000e", b"](e"))
    longer = data.replace(struct.pack("<q", 24), struct.pack("<q", 25))
    assert "storage 0 has 25 elements, its tensors say 24" in refused(longer)
    assert "is it cut off?" in refused(data + b"x")


def test_every_cut_is_noticed(tmp_path, refused):
    for name, data in honest(tmp_path).items():
        step = max(1, len(data) // 20)
        for size in (*range(0, len(data), step), len(data) - 1):
            refused(data[:size], tmp_path / name)


def survives(path, data: bytes) -> bool:
    """Whether these bytes are read; refused with a ValueError is as good, and nothing is done."""
    path.write_bytes(data)
    with watch() as acts:
        try:
            found = open_tensors(path)
            total = sum(np.ascontiguousarray(array).nbytes for array in found.values())
            assert total <= 4 * len(data) + 2**26
            read = True
        except ValueError:
            read = False
    assert acts == []
    return read


def test_damage_is_survived(tmp_path):
    draw, whole = random.Random(0), honest(tmp_path)
    outcomes = {
        survives(tmp_path / "weights", damaged(data, draw.choice([*whole.values()]), draw))
        for data in whole.values()
        for _ in range(60)
    }
    assert outcomes == {True, False}


@settings(max_examples=150, phases=[Phase.generate])
@given(data=files())
def test_made_up_files_are_survived(tmp_path, data):
    survives(tmp_path / "weights", data)
