"""Training that lasts a given time, however many steps that is."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from vinf_jax.training.state import SHARE, State


class Clock:
    """How much of its time training has had; it runs from the making of the clock on, with what is
    compiled and saved.

    seconds: of training in all, stops left out. share: what it had before, of a state that was
    resumed. now: a clock in seconds.
    """

    def __init__(
        self, seconds: float, share: float = 0.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._had, self._now = seconds, share, now
        self._began = now()

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(self._had + (self._now() - self._began) / self._seconds, 1.0)

    def over(self) -> bool:
        return self.share >= 1

    def timed(self, update: Callable) -> Callable:
        """`update`, told the share that the state has had (`state.begin` with timed)."""

        def one(state: State, batch: Any) -> Any:
            return update(self.told(state), batch)

        return one

    def told(self, state: State) -> State:
        """The state with the share that it has had by now: 1 once it is over."""
        return state | {SHARE: np.float32(self.share)}
