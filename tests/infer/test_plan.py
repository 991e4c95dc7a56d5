"""The plan from flags to what it prints; nothing is loaded for it."""

import argparse
import json

import pytest

from infer import plan
from infer.costs import short
from vinf_jax.parallel.hardware import HARDWARE, seconds
from vinf_jax.programs import spoken


def argv(*more):
    return ["--config", "sprites", "--scope.local", "2", *map(str, more)]


def test_a_video_that_does_not_fit(weights, tmp_path, capsys):
    """The weights alone are more than there is; all the rest is said too."""
    out = tmp_path / "plan.json"
    words = ("--weights", weights, "--frames", 6, "--devices", 2, "--memory", "1KB", "--json", out)
    assert spoken(plan.main, argv(*words)) == 1
    printed = capsys.readouterr().out
    for word in ("parameters", "FLOPs", "an estimate", "permute", "H200", "does not fit memory"):
        assert word in printed
    found = json.loads(out.read_text())
    assert found["frames"] == {"video": 6, "call": 6, "device": 3}
    assert found["flops"]["job"] > 2 * 3 * found["flops"]["step_of_a_device"]
    peak = found["memory_bytes"]
    assert peak["peak"] == peak["weights"] + max(peak["step"], peak["decoding"])
    assert set(found["seconds"]) == set(HARDWARE)


@pytest.mark.parametrize(
    "words, said",
    [
        (("--frames", 0), "frames: 0"),
        (("--devices", 3, "--guidance-groups", 2), "devices: 3"),
        (("--devices", 2, "--guidance-groups", 2, "--guidance-steps", "0:0.5"), "save nothing"),
        (("--memory", "48 apples"), "48 apples"),
        (("--weights", "nowhere"), "no folder nowhere"),
        (("--hardware", "abacus"), "abacus"),
        (("--memory", "0"), "'0'; give a size"),
        (("--memory", "nan"), "'nan'; give a size"),
        (("--memory", "infGB"), "'infGB'; give a size"),
        (("--height", 7), "height: 7; give a multiple of"),
        (("--height", 24), "height: 24; give a multiple of 16, such as 32"),
        (("--devices", 2, "--guidance-groups", 2, "--guidance", 1), "has only one half; use 1"),
        (("--frames", 2**31), "frames: 2147483648; give a whole number from 1 to"),
        (("--frames", 20, "--devices", 40), "devices: 40, but the shortest call makes 20 frames"),
        (("--frames", 5, "--prompt-count", 10**9), "1000000000 prompts for 5 frames"),
        (("--config", "pvdm"), "config pvdm describes no text-to-video model"),
    ],
)
def test_mistakes_are_one_message(words, said, capsys):
    assert spoken(plan.main, argv(*words)) == 2
    assert said in capsys.readouterr().err


def test_a_file_is_replaced_only_with_force(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plan, "_plan", lambda *_: {"lines": ["planned"], "fits": True})
    out = tmp_path / "plan.json"
    out.write_text("mine")
    assert spoken(plan.main, argv("--json", out)) == 2
    said = capsys.readouterr()
    assert "plan.json exists; --force" in said.err and "planned" not in said.out
    assert out.read_text() == "mine"
    assert spoken(plan.main, argv("--json", out, "--force")) == 0
    assert json.loads(out.read_text()) == {"lines": None, "fits": True}


@pytest.mark.parametrize("text, size", [("48GB", 48e9), ("80 GiB", 80 * 2**30), ("123", 123)])
def test_sizes(text, size):
    assert plan.size(text) == size
    with pytest.raises(argparse.ArgumentTypeError):
        plan.size(f"{text}x")


@pytest.mark.parametrize(
    "number, text",
    [(7, "7 "), (999.4, "999 "), (1234, "1.23 K"), (1.413e9, "1.41 G"), (3.63e15, "3.63 P")],
)
def test_short_numbers(number, text):
    assert short(number) == text


def test_seconds_are_work_or_weights_and_then_the_link():
    card, machine = HARDWARE["h200"], HARDWARE["cpu"]
    assert seconds(card, 8, card.rate, 0, card.link) == pytest.approx(2)
    assert seconds(card, 8, 0, card.bandwidth, 0) == pytest.approx(1)
    assert seconds(machine, 8, machine.rate, 0, 0) == pytest.approx(8)
