"""The clock by stages, and a display that is never silent for long."""

import io
import threading
from types import SimpleNamespace

from infer.progress import Display, Stopwatch


class Clock:
    def __init__(self):
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


class Screen(io.StringIO):
    """Notes when something new was said."""

    def __init__(self, terminal: bool = False):
        super().__init__()
        self.terminal, self.said = terminal, threading.Semaphore(0)

    def write(self, text: str) -> int:
        self.said.release()
        return super().write(text)

    def isatty(self) -> bool:
        return self.terminal


def step(stage: str, step: int = 0, steps: int = 0) -> SimpleNamespace:
    return SimpleNamespace(stage=stage, step=step, steps=steps)


def test_stages_add_up():
    clock = Clock()
    watch = Stopwatch(clock)
    for stage, seconds in [("load", 3), ("denoise", 4), ("write", 1), ("write", 1), ("denoise", 2)]:
        watch.switch(stage)
        clock.time += seconds
    assert watch.seconds() == {"load": 3, "denoise": 6, "write": 2, "total": 11}
    clock.time += 1
    assert watch.seconds() == {"load": 3, "denoise": 7, "write": 2, "total": 12}


def test_status_says_what_is_left():
    clock = Clock()
    display = Display("demo", Stopwatch(clock), io.StringIO())
    display(step("denoise", 0, 30))
    clock.time += 12
    assert display.status() == "denoise 0/30, 12 s so far"
    display(step("denoise", 6, 30))
    assert display.status() == "denoise 6/30, 2.0 s each, 48 s left"
    display(step("compile", 1, 2))
    clock.time += 75
    assert display.status() == "compile 1/2, 1 min 15 s so far"
    assert display.done == {"denoise": 6, "compile": 1}


def test_a_new_stage_is_a_line_and_a_long_one_repeats():
    screen = Screen()
    with Display("demo", stream=screen, every=3600) as display:
        for n in range(4):
            display(step("denoise", n, 3))
    assert screen.getvalue() == "demo: denoise 0/3\n"
    screen = Screen()
    with Display("demo", stream=screen, every=0.01) as display:
        display(step("compile"))
        for _ in range(6):
            assert screen.said.acquire(timeout=60)
    assert screen.getvalue().count("demo: compile") >= 3


def test_a_terminal_shows_a_bar():
    screen = Screen(terminal=True)
    with Display("demo", stream=screen) as display:
        display(step("denoise", 2, 3))
        for _ in range(100):
            if "denoise 2/3" in screen.getvalue():
                break
            screen.said.acquire(timeout=60)
    assert "denoise 2/3" in screen.getvalue()
