"""Several processes make one video: the one that a single process makes, and a word about who is
lost; then any number of processes goes on."""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from infer import guard, video_infinity
from infer.job_flags import add_many, is_many
from tests.tiny import SMALLEST, tiny_model
from tests.tolerances import MODEL
from vinf_jax.media.video import read_video
from vinf_jax.programs import Parser, spoken
from vinf_jax.systems.video_infinity.opening import finished_job

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 600
"""Seconds after which processes are ended, on a machine that has much else to do."""
VIDEO = "--frames 20 --wave 10 --overlap 2 --clips 4 --steps 3 --scope.local 1 --scale 1 "
VIDEO += "--sampler sde-dpmsolver++ --save-every 1 --wait 100"
PROMPTS = ["a red square moves left", "a blue disc moves right"]
SETTINGS = {"JAX_NUM_CPU_DEVICES": "1"}


def words(folder: Path, *more) -> list[str]:
    """The flags of the job in a folder."""
    (folder / "weights").mkdir(exist_ok=True)
    files = ["--weights", folder / "weights", "--out", folder / "a.mp4"]
    return [str(word) for word in ("--prompts", *PROMPTS, *VIDEO.split(), *files, *more)]


def together(folder: Path, places: list[dict[str, str]], *flags, killed: int = 0):
    """(status, what was said on the error stream) of processes that work on the job in a folder.

    places: of each, what the environment says. None of them, nor their guards, outlives this.
    """
    program = [sys.executable, "-m", "tests.infer.one_of_many", str(killed)]
    running = []
    for n, place in enumerate(places):
        with (folder / f"{n}.txt").open("w") as said:
            each = words(folder, *(str(flag).format(index=n) for flag in flags))
            how = {"cwd": ROOT, "env": os.environ | SETTINGS | place, "start_new_session": True}
            how |= {"stdout": subprocess.DEVNULL, "stderr": said}
            running.append(subprocess.Popen([*program, *each], **how))
    try:
        statuses = [process.wait(timeout=LONGEST) for process in running]
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    said = [(folder / f"{n}.txt").read_text() for n in range(len(places))]
    return list(zip(statuses, said, strict=True))


def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def by_flags(count: int) -> list[str]:
    where = f"127.0.0.1:{port()}"
    return ["--coordinator", where, "--processes", str(count), "--process", "{index}"]


def by_slurm(count: int) -> list[dict[str, str]]:
    """What SLURM says to each process."""
    common = {"SLURM_JOB_ID": "1", "SLURM_STEP_NODELIST": "localhost"}
    common |= {"SLURM_NTASKS": str(count), "JAX_COORDINATOR_PORT": str(port())}
    return [common | {"SLURM_PROCID": str(n), "SLURM_LOCALID": str(n)} for n in range(count)]


@pytest.fixture(scope="module")
def alone():
    """(folder, flags): this process works on the job in a folder."""
    model = tiny_model(unet=SMALLEST)

    def work(folder: Path, *flags) -> None:
        assert spoken(video_infinity.main, words(folder, *flags)) == 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video_infinity, "loaded", lambda *_: model)
        yield work


def latents(folder: Path) -> np.ndarray:
    return finished_job(folder / "a.job").frames()(range(20))


@pytest.fixture(scope="module")
def whole(alone, tmp_path_factory):
    """The job as one process makes it."""
    folder = tmp_path_factory.mktemp("whole")
    alone(folder)
    return folder


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """The job that two processes began, one of which was killed; and what they said."""
    folder = tmp_path_factory.mktemp("broken")
    return folder, together(folder, [{}, {}], *by_flags(2), killed=2)


def test_who_is_killed_is_named(broken):
    folder, ends = broken
    who = f"error: process 1 on {socket.gethostname()} was killed (SIGKILL: "
    assert [status for status, _ in ends] == [guard.LOST, 128 + signal.SIGKILL]
    last = [said.splitlines()[-1] for _, said in ends]
    assert all(line.startswith(who) for line in last)
    assert "go on with the same command and --resume" in last[0]
    assert "denoise" in ends[0][1] and "denoise" not in ends[1][1]
    assert sorted(path.name for path in folder.glob("a.*")) == ["a.job"]


def test_four_processes_go_on_to_the_same_latents(broken, whole, tmp_path):
    shutil.copytree(broken[0] / "a.job", tmp_path / "a.job")
    ends = together(tmp_path, by_slurm(4), "--cluster", "--resume")
    assert [status for status, _ in ends] == [0] * 4, ends
    assert np.abs(latents(tmp_path) - latents(whole)).max() < MODEL
    frames, _ = read_video(tmp_path / "a.mp4")
    wanted, _ = read_video(whole / "a.mp4")
    assert np.abs(frames - wanted.astype(float)).mean() < 1
    left = ["a.job", "a.json", "a.mp4", "a.png"]
    assert sorted(path.name for path in tmp_path.glob("a.*")) == left
    runs = json.loads((tmp_path / "a.job" / "manifest.json").read_text())["facts"]["runs"]
    assert [run["mesh"]["processes"] for run in runs] == [2, 4]


def test_one_process_goes_on_to_the_same_latents(broken, whole, alone, tmp_path):
    shutil.copytree(broken[0] / "a.job", tmp_path / "a.job")
    first = {path.name for path in (tmp_path / "a.job" / "latents").iterdir()}
    assert first == {f"wave-0000-{part}-of-2.safetensors" for part in (1, 2)}
    state = tmp_path / "a.job" / "state"
    assert len(list(state.glob("wave-0001-step-0001-*-of-2.safetensors"))) == 2
    alone(tmp_path, "--resume")
    assert np.abs(latents(tmp_path) - latents(whole)).max() < MODEL


def test_who_never_comes_is_named(tmp_path):
    ((status, said),) = together(tmp_path, [{}], *by_flags(2), "--wait", 2)
    assert status == guard.LOST
    assert "error: process 1 of processes 0 to 1 has not come within 2 s" in said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--cluster --process 1", "leave these out"),
        ("--coordinator here:1 --process 1", "--processes must be given beside it"),
        ("--coordinator here:1 --process 2 --processes 2", "process: 2 of 2; give 0 to 1"),
        ("--coordinator here --process 1 --processes 2", "'here'; give HOST:PORT"),
        ("--cluster --wait 0", "wait: 0"),
    ],
)
def test_flags_that_do_not_say_which_process_are_refused(flags, said):
    with pytest.raises(ValueError, match=said):
        is_many(asked(flags))


def test_flags_say_whether_there_are_many():
    assert not is_many(asked("")) and is_many(asked("--cluster"))
    assert is_many(asked("--coordinator here:1 --process 1 --processes 2"))


def asked(flags: str) -> argparse.Namespace:
    to = Parser()
    add_many(to)
    return to.parse_args(flags.split())
