"""Calls in turns, and the figures that come of them."""

import numpy as np
import pytest

from benchmarks import paired

SERVES = """
import sys
import numpy as np
from benchmarks.paired import serve
answer = float(sys.argv[1])
serve(lambda: lambda: np.full(2, answer), sys.argv[2], sys.stdout)
"""


def test_ratios_are_of_calls_that_stood_beside_each_other():
    seconds = {"ours": [1.0, 2.0, 30.0], "theirs": [2.0, 4.0, 40.0], "other": [1.0, 1.0, 1.0]}
    found = paired.compared(seconds, (("ours", "theirs"), ("ours", "absent")))
    assert found["seconds"]["ours"] == {"median": 2.0, "range": [1.0, 30.0]}
    assert found["ratios"] == {"ours/theirs": {"median": 0.5, "range": [0.5, 0.75]}}
    assert set(found["seconds"]) == set(seconds)


def test_figures_have_four_digits():
    assert paired.spread([1 / 3]) == {"median": 0.3333, "range": [0.3333, 0.3333]}


def test_sides_take_turns_and_one_that_fails_is_told(tmp_path):
    files = {side: tmp_path / f"{side}.npy" for side in ("ours", "theirs")}
    words = {side: ("-c", SERVES, n, file) for n, (side, file) in enumerate(files.items())}
    found = paired.in_turns(words | {"broken": ("-c", "raise SystemExit(3)")}, 3, 0)
    assert "ended with 3" in found["failed"]["broken"]
    assert set(found["runs"]) == set(files)
    for n, (side, file) in enumerate(files.items()):
        assert len(found["runs"][side]["calls"]) == 3
        np.testing.assert_array_equal(np.load(file), np.full(2, n))
    assert found["ratios"]["ours/theirs"]["median"] > 0


@pytest.mark.parametrize("answers", [np.arange(3.0), np.arange(3.0)[:, None]])
def test_single_numbers_are_all_kept_and_arrays_only_the_last(answers, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", iter_lines("\n\n\n\n"))
    left = iter(answers)
    said = Said()
    paired.serve(lambda: lambda: np.asarray(next(left)), tmp_path / "a.npy", said)
    wanted = answers if answers.ndim == 1 else answers[-1]
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), wanted)
    assert len(said.lines) == 4


def iter_lines(text):
    import io

    return io.StringIO(text)


class Said:
    """Keeps what is printed."""

    def __init__(self):
        self.lines = []

    def write(self, text):
        if text.strip():
            self.lines.append(text)

    def flush(self):
        pass
