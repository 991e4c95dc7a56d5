"""Tables of weights: every kind has its meaning and its inverse, and nothing goes unsaid."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from vinf_jax.checkpoint.mapping import Row, convert, export, place, source_shapes
from vinf_jax.checkpoint.rows import (
    KERNEL_2D,
    KERNEL_FRAMES,
    MATRIX,
    MATRIX_1,
    MATRIX_1X1,
    SAME,
    array,
    conv2d,
    dense,
    frame_mix,
    norm,
    stacked,
)

TABLE = [
    *conv2d("stem", "input.0"),
    *place([*norm("norm"), *dense("proj", "to.0", bias=False)], "blocks.0", "body"),
    *stacked(["q.kernel", "k.kernel", "v.kernel"], "in_proj_weight", MATRIX),
    *array("token"),
]
TARGET = {
    "stem.kernel": (3, 3, 2, 5),
    "stem.bias": (5,),
    "blocks.0.norm.scale": (4,),
    "blocks.0.norm.bias": (4,),
    "blocks.0.proj.kernel": (4, 6),
    "q.kernel": (4, 3),
    "k.kernel": (4, 3),
    "v.kernel": (4, 3),
    "token": (7, 4),
}
SOURCE = {
    "input.0.weight": (5, 2, 3, 3),
    "input.0.bias": (5,),
    "body.norm.weight": (4,),
    "body.norm.bias": (4,),
    "body.to.0.weight": (6, 4),
    "in_proj_weight": (9, 4),
    "token": (7, 4),
}


def drawn(shapes, dtype=np.float32):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


class OneReading(Mapping):
    """A source that counts how often each tensor is read."""

    def __init__(self, arrays) -> None:
        self.arrays, self.readings = arrays, dict.fromkeys(arrays, 0)

    def __getitem__(self, name: str) -> np.ndarray:
        self.readings[name] += 1
        return self.arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


@pytest.mark.parametrize(
    ("kind", "stored", "meaning"),
    [
        (SAME, (4, 5), "oi->oi"),
        (MATRIX, (4, 4), "oi->io"),
        (MATRIX_1, (4, 4, 1), "oiz->io"),
        (MATRIX_1X1, (4, 4, 1, 1), "oiyz->io"),
        (KERNEL_2D, (3, 3, 3, 3), "oihw->hwio"),
        (KERNEL_FRAMES, (3, 3, 3, 1, 1), "oifyz->fio"),
    ],
)
def test_kinds_mean_what_they_say(kind, stored, meaning):
    """Square on purpose: shapes alone would not notice a forgotten transpose."""
    x = np.random.default_rng(1).normal(size=stored)
    (ours,) = kind.ours(x)
    assert np.array_equal(ours, np.einsum(meaning, x))
    assert np.array_equal(kind.theirs(ours), x)


def test_stacked_parts_are_in_order():
    (row,) = stacked(["q", "k"], "both", MATRIX)
    x = np.arange(8.0).reshape(4, 2)
    q, k = row.kind.ours(x)
    assert np.array_equal(q, x[:2].T) and np.array_equal(k, x[2:].T)
    assert np.array_equal(row.kind.theirs(q, k), x)


def test_frame_mix_and_dense_have_biases():
    rows = [*frame_mix("mix"), *dense("a"), *dense("b", bias=False)]
    targets = [name for row in rows for name in row.targets]
    assert targets == ["mix.kernel", "mix.bias", "a.kernel", "a.bias", "b.kernel"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_there_and_back(dtype):
    source = OneReading(drawn(SOURCE, dtype))
    ours = convert(TABLE, source, drawn(TARGET))
    assert {name: x.shape for name, x in ours.items()} == TARGET
    assert {x.dtype for x in ours.values()} == {np.dtype(dtype)}
    assert set(source.readings.values()) == {1}
    back = export(TABLE, ours)
    assert back.keys() == SOURCE.keys()
    assert all(np.array_equal(back[name], x) for name, x in source.arrays.items())
    assert np.array_equal(ours["k.kernel"], source.arrays["in_proj_weight"][3:6].T)


def test_shapes_of_the_source():
    assert source_shapes(TABLE, drawn(TARGET)) == SOURCE


def test_results_are_views_of_the_source():
    source = drawn(SOURCE)
    ours = convert(TABLE, source, drawn(TARGET))
    assert np.shares_memory(ours["stem.kernel"], source["input.0.weight"])
    assert np.shares_memory(ours["q.kernel"], source["in_proj_weight"])


def test_ignored_tensors_are_not_read_and_rows_win():
    source = OneReading(drawn(SOURCE | {"ema.a": (2,), "ema.b": (3,)}))
    ours = convert(TABLE, source, drawn(TARGET), ignore=["ema.*", "token"])
    assert ours.keys() == TARGET.keys()
    assert source.readings["ema.a"] == source.readings["ema.b"] == 0


def test_one_error_lists_everything():
    source = drawn(SOURCE | {"body.norm.wieght": (4,), "step": (1,), "input.0.bias": (6,)})
    del source["body.norm.weight"]
    target = drawn(TARGET | {"stem.kernal": (1,), "head.kernel": (2, 2)})
    del target["stem.kernel"]
    with pytest.raises(ValueError) as refusal:
        convert(TABLE, source, target)
    lines = [line.strip() for line in str(refusal.value).splitlines()]
    assert lines[0] == "these weights do not fit the model, 7 troubles:"
    assert lines[1:] == [
        "body.norm.weight is missing, blocks.0.norm.scale needs it (near it: body.norm.wieght)",
        "body.norm.wieght is not read by any row of the table (near it: body.norm.weight)",
        "step is not read by any row of the table",
        "no row of the table fills the model's stem.kernal (near it: stem.kernel)",
        "no row of the table fills the model's head.kernel",
        "the table fills stem.kernel, which the model does not have (near it: stem.kernal)",
        "input.0.bias has shape (6,), stem.bias needs (5,)",
    ]


def test_double_rows_are_refused():
    table = [*TABLE, Row("token", ("stem.bias",), SAME)]
    for refused in (
        lambda: convert(table, drawn(SOURCE), drawn(TARGET)),
        lambda: export(table, drawn(TARGET)),
        lambda: source_shapes(table, drawn(TARGET)),
    ):
        with pytest.raises(ValueError) as refusal:
            refused()
        assert "2 rows of the table read token" in str(refusal.value)
        assert "2 rows of the table fill stem.bias" in str(refusal.value)


def test_export_is_total():
    parameters = drawn(TARGET | {"extra.bias": (1,)})
    del parameters["token"]
    with pytest.raises(ValueError, match="the table does not fit the model, 2 troubles") as refusal:
        export(TABLE, parameters)
    assert "model's extra.bias" in str(refusal.value)
    assert "fills token, which the model does not have" in str(refusal.value)


def test_a_source_of_other_names_is_refused_in_full():
    names = {f"model.{name}.{n}": (1,) for name in SOURCE for n in range(300)}
    with pytest.raises(ValueError) as refusal:
        convert(TABLE, drawn(names), drawn(TARGET))
    assert all(f"{name} is not read" in str(refusal.value) for name in names)
