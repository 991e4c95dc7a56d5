import os
import signal
import sys
import time

import pytest

from vinf_jax.media.workers import ordered


class Tasks:
    """Squares, and what can go wrong with a process."""

    def __call__(self, item, at):
        at(7)
        if item == "modules":
            return "jax" in sys.modules
        if item == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "hang":
            time.sleep(600)
        if item == "fail":
            raise KeyError("what nobody thought of")
        time.sleep(0.02 * (item % 3))
        return item**2

    def named(self, number):
        return f"clips/{number}.avi"


def test_results_come_in_order_and_workers_know_no_jax():
    asked = []

    def items():
        for n in [*range(9), "modules", "fail"]:
            asked.append(n)
            yield n

    results = ordered(Tasks(), items(), workers=2, ahead=4)
    assert next(results) == 0
    assert len(asked) == 4
    assert [next(results) for _ in range(8)] == [n**2 for n in range(1, 9)]
    assert next(results) is False
    with pytest.raises(
        RuntimeError, match=r"reads clips/7\.avi and failed(?s:.*)nobody thought of"
    ):
        next(results)


def test_a_worker_that_dies_or_hangs_names_its_clip():
    for item, how in (("die", "died .SIGKILL"), ("hang", "has not answered for 1 seconds")):
        results = ordered(Tasks(), [item, 1], workers=1, patience=1)
        with pytest.raises(ValueError, match=rf"worker 0 reads clips/7\.avi and {how}"):
            next(results)


def test_without_workers_the_work_is_done_here():
    assert list(ordered(Tasks(), [3, 1, 2])) == [9, 1, 4]
