"""The roll: who never comes, falls silent, leaves or sees another folder is named."""

import json

import pytest

from vinf_jax.checkpoint.roll import Roll

WAIT = 10


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def roll(tmp_path, clock):
    def of(index, count=3, folder="video.hosts"):
        return Roll(tmp_path / folder, index, count, WAIT, pid=index + 7, now=clock)

    return of


def beats(rolls, times=2):
    """What each hears in the last of some beats."""
    for _ in range(times):
        heard = [roll.look() for roll in rolls]
    return heard


def test_all_is_well(roll, clock, tmp_path):
    rolls = [roll(0), roll(1), roll(2)]
    for _ in range(4):
        assert beats(rolls) == [None] * 3
        clock.now += WAIT * 0.9
    for each in rolls[1:]:
        each.leave()
    clock.now += 2 * WAIT
    assert rolls[0].look() is None
    rolls[0].leave()
    rolls[0].dismiss(WAIT, clock.sleep)
    assert not (tmp_path / "video.hosts").exists()
    assert clock.now < 6 * WAIT


def test_who_never_comes_is_named_to_all(roll, clock):
    rolls = [roll(0), roll(1)]
    assert beats(rolls) == [None, None]
    clock.now = WAIT + 1
    said = rolls[0].look()
    assert said.startswith("process 2 of processes 0 to 2 has not come within 10 s")
    rolls[0].tell(said)
    assert rolls[1].look() == said


def test_who_falls_silent_is_named_with_its_host(roll, clock):
    rolls = [roll(0), roll(1), roll(2)]
    beats(rolls)
    for _ in range(4):
        clock.now += WAIT * 0.4
        said = beats([rolls[0], rolls[2]])
    assert f"process 1 on {rolls[1].host} has not been heard of for 10 s" in said[0]
    assert said[1] is None


def test_the_first_one_may_fall_silent_too(roll, clock, tmp_path):
    rolls = [roll(0, 2), roll(1, 2)]
    beats(rolls)
    (tmp_path / "video.hosts" / "0.json").unlink()
    clock.now += WAIT - 1
    assert rolls[1].look() is None
    clock.now += 2
    assert "process 0" in rolls[1].look()


def test_who_leaves_with_trouble_is_quoted(roll):
    rolls = [roll(0), roll(1), roll(2)]
    beats(rolls)
    rolls[2].leave("stopped: the disk is full")
    assert rolls[0].look() == f"process 2 on {rolls[2].host} stopped: the disk is full"


def test_another_folder_is_not_the_shared_one(roll, clock, tmp_path):
    rolls = [roll(0, 2, "a/video.hosts"), roll(1, 2, "b/video.hosts")]
    for each in rolls:
        each.joined = True
    assert beats(rolls) == [None, None]
    clock.now = WAIT + 1
    for each, other in zip(rolls, "ab", strict=True):
        said = each.look()
        assert f"do not share the folder {tmp_path / other}: what one writes there" in said


def test_files_of_an_earlier_run_say_nothing(roll, clock, tmp_path):
    before = [roll(0, 2), roll(1, 2)]
    beats(before)
    before[1].leave("was killed")
    before[0].tell("process 1 was killed")
    later = roll(1, 2)
    assert later.look() is None
    first = roll(0, 2)
    assert beats([first, later], 3) == [None, None]
    files = {path.name: json.loads(path.read_text())["pid"] for path in first.folder.iterdir()}
    assert files == {"0.json": 7, "1.json": 8}
