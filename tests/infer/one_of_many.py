"""The program as one of several processes, with a small model in the place of weights:
`python -m tests.infer.one_of_many STEP FLAGS`. Process 1 is killed after that step of the second
wave, if STEP is not 0."""

import os
import signal
import sys

from infer import video_infinity
from infer.devices import simulate
from infer.progress import Display
from tests.tiny import SMALLEST, tiny_model
from vinf_jax.programs import spoken


def loaded(options, devices, troubles):
    simulate(devices // (options.processes or 1))
    return tiny_model(unet=SMALLEST)


def kill_at(step: int) -> None:
    shown = Display.__call__

    def show(display, progress):
        from vinf_jax.parallel import hosts

        shown(display, progress)
        now = progress.wave, progress.stage, progress.step
        if step and hosts.index() == 1 and now == (1, "denoise", step):
            os.kill(os.getpid(), signal.SIGKILL)

    Display.__call__ = show


if __name__ == "__main__":
    kill_at(int(sys.argv[1]))
    video_infinity.loaded = loaded
    sys.exit(spoken(video_infinity.main, sys.argv[2:]))
