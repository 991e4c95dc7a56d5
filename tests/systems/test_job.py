"""A job's folder: goes on from anything, refuses what does not fit, loses nothing."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.stand_in import StandIn, shown
from vinf_jax.checkpoint import manifest
from vinf_jax.media.footage import Footage
from vinf_jax.media.material import Material, material
from vinf_jax.media.sheet import save_png
from vinf_jax.media.video import VideoWriter, read_video
from vinf_jax.systems.video_infinity import opening
from vinf_jax.systems.video_infinity.asked import asked_of
from vinf_jax.systems.video_infinity.opening import finished_job, open_job
from vinf_jax.systems.video_infinity.pieces import Stretch, pieces
from vinf_jax.systems.video_infinity.work import Work

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = ["a red square moves left", "a blue disc moves right"]
WISH = {"frames": 22, "wave": 8, "overlap": 3, "steps": 4}


class Stop(Exception):
    pass


def made(folder, *, stop=None, stretches=(), source=None, given=(), wish=(), **how):
    """Works on the job of WISH in `folder` until told `stop` times; (job, making)."""
    model = StandIn()
    wishes = WISH | {"prompts": PROMPTS, "given": given, **dict(wish)}
    making = model.begin(**wishes)
    parts = [{"start": n, "stop": n + 1} for n in given]
    asked = asked_of(making.request, making.waves, scale=2, given=parts)
    left = [stop]

    def on_step(*_):
        if left[0] is not None:
            left[0] -= 1
            if not left[0]:
                raise Stop

    with open_job(folder, asked, {"made": "here"}, **how) as job:
        more = {"stretches": stretches, "source": source}
        work = Work(job, making, model.encode, save_every=1, **more)
        work.go(on_step)
        work.save(folder.with_suffix(".mp4"), overwrite=True)
        job.finish(folder.with_suffix(".mp4"))
    return job, making


def contents(folder: Path) -> dict[str, bytes]:
    """What a job is: its files but for the manifest and the lock, and its video."""
    files = [*folder.rglob("*.safetensors"), *folder.rglob("*.mp4"), folder.with_suffix(".mp4")]
    return {os.path.relpath(file, folder.parent)[1:]: file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jobs") / "a.job"
    made(folder)
    return folder


def test_a_job_holds_latents_and_segments_of_all_frames(whole):
    job = finished_job(whole)
    assert job.spans() == [(0, 8), (8, 16), (16, 22)]
    assert job.frames()(range(22)).shape == (22, 4, 4, 4)
    names = {path.name for path in whole.iterdir()}
    assert names == {"manifest.json", "lock", "latents", "segments", "state"}
    assert not list((whole / "state").iterdir())
    frames, fps = read_video(whole.with_suffix(".mp4"))
    assert frames.shape == (22, 64, 64, 3) and fps == 8
    pixels = shown(job.frames()(range(22))).repeat(2, 1).repeat(2, 2)
    assert np.abs(frames - pixels.astype(float)).mean() < 12
    assert json.loads((whole / "manifest.json").read_text())["facts"]["asked"]["frames"] == 22


def test_stopped_anywhere_it_goes_on_to_the_same_bits(whole, tmp_path):
    wanted, stops = contents(whole), 0
    for stop in range(1, 18, 3):
        folder = tmp_path / f"{stop}" / "a.job"
        try:
            made(folder, stop=stop, resume=True)
        except Stop:
            stops += 1
            made(folder, resume=True)
        assert contents(folder) == wanted
    assert stops == 5


def test_steps_that_were_saved_are_not_made_again(tmp_path):
    with pytest.raises(Stop):
        made(tmp_path / "a.job", stop=3)
    _, making = made(tmp_path / "a.job", resume=True)
    assert making.calls[:2] == [(0, 2), (0, 3)]
    _, making = made(tmp_path / "a.job", resume=True)
    assert making.calls == []


def test_the_preview_is_the_video_so_far(tmp_path):
    with pytest.raises(Stop):
        made(tmp_path / "a.job", stop=7)
    frames, _ = read_video(tmp_path / "a.job" / "preview.mp4")
    assert len(frames) == 8


def test_segments_of_a_wave_are_encoded_side_by_side(tmp_path, monkeypatch):
    meeting, write = threading.Barrier(2, timeout=60), VideoWriter.write

    def met(self, frames):
        meeting.wait()
        write(self, frames)

    monkeypatch.setattr(opening, "SEGMENT", 2)
    monkeypatch.setattr(VideoWriter, "write", met)
    job, _ = made(tmp_path / "a.job", wish={"frames": 16})
    assert job.spans() == [(n, n + 2) for n in range(0, 16, 2)]
    assert read_video(tmp_path / "a.mp4")[0].shape[0] == 16


def test_another_asking_is_refused_with_the_difference(whole):
    with pytest.raises(ValueError, match=r"settings\.steps: 4 in the job, 5 asked for") as error:
        made(whole, resume=True, wish={"steps": 5, "seed": 9})
    assert "seed: 0 in the job, 9 asked for" in str(error.value)
    assert "--force" in str(error.value)


def test_processes_that_ask_for_different_videos_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(opening.hosts, "gathered", lambda asked: [asked, asked | {"seed": 7}])
    with pytest.raises(ValueError, match="seed: 0 in process 0, 7 in process 1"):
        made(tmp_path / "a.job")
    assert not (tmp_path / "a.job").exists()


def test_a_job_that_is_there_stays_unless_told(whole):
    with pytest.raises(FileExistsError, match="--resume goes on with it, --force begins anew"):
        made(whole)


def test_force_begins_anew(tmp_path):
    made(tmp_path / "a.job")
    job, making = made(tmp_path / "a.job", force=True, wish={"seed": 1})
    assert job.asked["seed"] == 1 and len(making.calls) == 12


@pytest.mark.parametrize("name", ["mine", "latents/mine.npy", "preview.mp4"])
def test_a_folder_of_something_else_is_never_touched(tmp_path, name):
    mine = tmp_path / "a.job" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    for how in ({"force": True}, {"resume": True}, {}):
        with pytest.raises(FileExistsError, match=r"is no job: it has no manifest\.json; move"):
            made(tmp_path / "a.job", **how)
    assert mine.read_text() == "mine"


def test_a_job_killed_before_its_manifest_was_there_begins_anew(tmp_path):
    (tmp_path / "a.job").mkdir()
    (tmp_path / "a.job" / "lock").touch()
    (tmp_path / "a.job" / ".manifest.json.part").touch()
    job, making = made(tmp_path / "a.job", resume=True)
    assert job.complete and len(making.calls) == 12


DAMAGED = ["latents/wave-0001.safetensors", "segments/00000008-00000016.mp4"]


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("harm", ["changed", "shortened", "removed"])
def test_what_is_damaged_is_made_again(whole, tmp_path, name, harm):
    folder = tmp_path / "a.job"
    shutil.copytree(whole, folder)
    file = folder / name
    data = file.read_bytes()
    if harm == "removed":
        file.unlink()
    else:
        file.write_bytes(data[:100] if harm == "shortened" else data[:-1] + b"x")
    with pytest.raises(ValueError, match=f"{name} is (damaged|missing)"):
        finished_job(folder)
    job, _ = made(folder, resume=True)
    assert list(job.damaged) == [name] and contents(folder) == contents(whole)


def test_an_earlier_wave_made_again_leaves_the_state_of_the_one_in_progress(whole, tmp_path):
    with pytest.raises(Stop):
        made(tmp_path / "a.job", stop=12)
    (state,) = (tmp_path / "a.job" / "state").iterdir()
    wave, step = (int(state.stem.split("-")[n]) for n in (1, 3))
    (tmp_path / "a.job" / "latents" / "wave-0000.safetensors").write_bytes(b"")
    _, making = made(tmp_path / "a.job", resume=True)
    assert making.calls[:4] == [(0, n) for n in range(4)] and wave > 0 < step
    assert [call for call in making.calls if call[0] == wave] == [(wave, n) for n in range(step, 4)]
    assert contents(tmp_path / "a.job") == contents(whole)


def test_a_damaged_state_is_not_gone_on_from(whole, tmp_path):
    with pytest.raises(Stop):
        made(tmp_path / "a.job", stop=8)
    (state,) = (tmp_path / "a.job" / "state").iterdir()
    state.write_bytes(b"")
    _, making = made(tmp_path / "a.job", resume=True)
    assert making.calls[0] == (1, 0) and contents(tmp_path / "a.job") == contents(whole)


@pytest.mark.parametrize("text", ["", "{}", "changed"])
def test_a_damaged_manifest_is_refused(whole, tmp_path, text):
    folder = tmp_path / "a.job"
    shutil.copytree(whole, folder)
    file = folder / "manifest.json"
    file.write_text(text if text != "changed" else file.read_text().replace("red", "rad"))
    with pytest.raises(ValueError, match=r"manifest\.json is damaged"):
        made(folder, resume=True)


def test_a_full_disk_is_one_message_and_nothing_is_lost(whole, tmp_path, monkeypatch):
    folder, left, sync = tmp_path / "a.job", [30], os.fsync

    def full(number):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=r"the disk is full; everything made so far is kept in .*a.job"
    ):
        made(folder)
    monkeypatch.setattr(os, "fsync", sync)
    _, making = made(folder, resume=True)
    assert 0 < len(making.calls) < 12 and contents(folder) == contents(whole)


def test_a_vanished_folder_is_one_message(tmp_path, monkeypatch):
    folder, write = tmp_path / "a.job", manifest.Manifest.seal

    def gone(self, noted=None, **facts):
        if any("latents/wave-0001" in name for name in noted or ()):
            folder.rename(tmp_path / "b.job")
        write(self, noted=noted, **facts)

    monkeypatch.setattr(manifest.Manifest, "seal", gone)
    with pytest.raises(OSError, match=r"a.job is gone.*put it back and go on with --resume"):
        made(folder)
    monkeypatch.undo()
    assert not folder.exists()
    (tmp_path / "b.job").rename(folder)
    made(folder, resume=True)


def test_one_process_at_a_time(tmp_path):
    folder, making = tmp_path / "a.job", StandIn().begin(PROMPTS, **WISH)
    asked = asked_of(making.request, making.waves, scale=1, given=[])
    with (
        open_job(folder, asked, {}),
        pytest.raises(BlockingIOError, match=f"by process {os.getpid()}"),
    ):
        open_job(folder, asked, {}, resume=True)
    open_job(folder, asked, {}, resume=True).close()


def test_an_extended_job_takes_over_what_is_there(whole, tmp_path):
    with finished_job(whole) as source:
        job, making = made(tmp_path / "b.job", source=source, given=range(22), wish={"frames": 30})
    assert [index for index, _ in making.calls] == [0] * 4
    old, new = finished_job(whole).frames(), job.frames()
    assert (new(range(22)) == old(range(22))).all() and len(new(range(30))) == 30
    for span in finished_job(whole).spans():
        assert job.segment(span).read_bytes() == finished_job(whole).segment(span).read_bytes()
    frames, _ = read_video(tmp_path / "b.mp4")
    assert len(frames) == 30
    assert (frames[:22] == read_video(whole.with_suffix(".mp4"))[0]).all()


def test_a_retake_touches_nothing_else(whole, tmp_path):
    given = [n for n in range(22) if not 10 <= n < 13]
    how = {"given": given, "wish": {"seed": 4}}
    with finished_job(whole) as source:
        job, _ = made(tmp_path / "b.job", source=source, **how)
        assert job.spans() == [(0, 8), (8, 10), (10, 13), (13, 16), (16, 22)]
        old, new = source.frames(), job.frames()
        assert (new(given) == old(given)).all()
        assert (new([10, 11, 12]) != old([10, 11, 12])).any((1, 2, 3)).all()
        assert job.segment((16, 22)).read_bytes() == source.segment((16, 22)).read_bytes()
    with finished_job(tmp_path / "b.job") as source:
        again, _ = made(tmp_path / "c.job", source=source, given=range(22), wish={"frames": 25})
        assert (again.frames()(range(22)) == new(range(22))).all()


def test_given_pictures_are_shown_as_they_are(tmp_path):
    picture = np.zeros((1, 48, 64, 3), np.uint8)
    picture[:, :, 20:] = 200, 30, 90
    save_png(tmp_path / "p.png", picture[0])
    stretch = Stretch(21, 22, material(tmp_path / "p.png", 8, 32, 32))
    job, _ = made(tmp_path / "a.job", stretches=[stretch], given=[21])
    assert job.spans()[-1] == (21, 22)
    assert (job.frames()([21]) == StandIn().encode(stretch.pixels(21, 22))).all()
    frames, _ = read_video(tmp_path / "a.mp4")
    small = stretch.pixels(21, 22)[0].repeat(2, 0).repeat(2, 1)
    assert np.abs(frames[21] - small.astype(float)).mean() < 3


def test_pieces_have_one_origin_and_are_cut_at_multiples():
    picture = Stretch(5, 6, Material(Path("p.png"), 1, 8, 8, Footage(1, 8, 8)))
    found = pieces(20, [range(6, 13), range(13, 20)], [picture], 8, cuts=[3, 99])
    assert [(piece.span, piece.wave) for piece in found] == [
        ((0, 3), None),
        ((3, 5), None),
        ((5, 6), None),
        ((6, 8), 0),
        ((8, 13), 0),
        ((13, 16), 1),
        ((16, 20), 1),
    ]
    assert [piece.stretch for piece in found][2] is picture


def test_killed_at_any_write_it_goes_on_to_the_same_bits(tmp_path):
    """SIGKILL just before a file is opened for writing or renamed, and amid the writing."""
    words = [sys.executable, "-m", "tests.systems.killed", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] >= 20 and found["different"] == []
    assert {"manifest", "state", "latents", "segments", "video"} <= set(found["while writing"])
