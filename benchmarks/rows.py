"""The rows of the table of results: what, ours, the other, their ratio, the goal."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Row = tuple[str, str, str, str, str]
Results = Mapping[str, Any]

NETWORKS = {
    "reduced": "UNet, 64/128/256/256, 16 frames of 16x16",
    "full": "UNet of VideoCrafter2, 4 frames of 40x64",
    "decode": "decoding a frame of 320x512",
    "text": "text encoder, one prompt",
}
SIDES = {
    "eager": "PyTorch",
    "compiled": "torch.compile",
    "plain": "XLA's own",
    "unsplit": "one device",
    "public": "public Video-Infinity",
    "local": "the same without plugins",
    "theirs": "public code",
}
GOALS = {
    ("reduced", "eager"): "0.60",
    ("reduced", "compiled"): "0.69",
    ("full", "eager"): "0.80",
    ("split", "unsplit"): "1.10",
    ("ours", "public"): "0.43",
    ("help", ""): "1 s",
    ("help of video_infinity", ""): "1 s",
    ("compile reduced", "compile"): "7 s",
    ("compile full", "compile"): "10 s",
    ("clip", "step"): "0.1 s",
    ("long", ""): "300 s",
    ("whole", ""): "300 s",
}


def seconds(value: float) -> str:
    """Three digits and a unit: 0.264 s, 12.3 ms, 2.1 µs."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 0.1 or unit == "µs":
            return f"{value * factor:.3g} {unit}"
    raise AssertionError


def ratio(found: Mapping[str, Any]) -> str:
    """A median and its range."""
    least, most = found["range"]
    return f"{found['median']:.2f} ({least:.2f} to {most:.2f})"


def _pair(what: str, found: Results, pair: str, goal: tuple[str, str]) -> Row:
    a, b = pair.split("/")
    spent = {side: found["seconds"][side]["median"] for side in (a, b)}
    other = f"{SIDES[b]}: {seconds(spent[b])}"
    return what, seconds(spent[a]), other, ratio(found["ratios"][pair]), GOALS.get(goal, "")


def _networks(results: Results) -> Iterator[Row]:
    for name, found in results.items():
        what = NETWORKS.get(name, name)
        if not found["ratios"]:
            yield what, seconds(found["seconds"]["ours"]["median"]), "", "", ""
        for pair in found["ratios"]:
            yield _pair(what, found, pair, (name, pair.split("/")[1]))


def _layers(results: Results) -> Iterator[Row]:
    """The slowest size, and the one that compares worst with each other side."""
    slowest = min(results, key=lambda name: results[name]["gigaflops_per_second"]["ours"])
    rate = results[slowest]["gigaflops_per_second"]["ours"]
    yield (
        f"3x3 convolutions, the slowest of {len(results)} sizes: {slowest}",
        f"{rate:.0f} GFLOP/s",
        "",
        "",
        "no cliff",
    )
    for pair in next(iter(results.values()))["ratios"]:
        worst = max(results, key=lambda name: results[name]["ratios"][pair]["median"])
        what = f"3x3 convolutions, the worst against {SIDES[pair.split('/')[1]]}: {worst}"
        yield _pair(what, results[worst], pair, ("", ""))


def _clips(results: Results) -> Iterator[Row]:
    for name, found in results.items():
        for pair in found["ratios"]:
            a, b = pair.split("/")
            frames = f"{found['sizes']['frames']} frames, {name}"
            what = {"same": f"{frames}, its semantics", "public": f"{frames}, its overhead"}
            yield _pair(what.get(a, frames), found, pair, (a, b))


def _frames(results: Results) -> Iterator[Row]:
    for name, found in results.items():
        memory = f"{found['peak_anonymous_bytes'] / 2**30:.2f} GiB"
        yield (
            f"UNet call, {name}, one device",
            f"{seconds(found['seconds_per_frame'])} a frame, {memory}",
            "",
            "",
            "",
        )


def _start(results: Results) -> Iterator[Row]:
    for name, found in results.items():
        parts = {"": found} if "median" in found else found
        for part, spread in parts.items():
            if part == "peak_anonymous_bytes":
                continue
            what = " ".join(filter(None, [name, "" if part in ("seconds", "compile") else part]))
            yield what, seconds(spread["median"]), "", "", GOALS.get((name, part), "")


def _video(results: Results) -> Iterator[Row]:
    rates = results["video"]["frames_per_second"]
    said = ", ".join(f"{stage} {rates[stage]:.3g}" for stage in ("denoise", "decode", "write"))
    yield "a small model's video, frames per second", f"{rates['total']:.3g} ({said})", "", "", ""


def _cheaper(results: Results) -> Iterator[Row]:
    for name, found in results.items():
        beside = results[found["beside"]]
        if beside is found:
            continue
        spent = [seconds(each["seconds"]["median"]) for each in (found, beside)]
        heard = [f"{each['followed']} of {each['prompts']} prompts" for each in (found, beside)]
        near = "every pixel the same" if found["psnr"] is None else f"{found['psnr']:.1f} dB"
        ours = f"{spent[0]}, {near}, {heard[0]}"
        other = f"{found['beside']}: {spent[1]}, {heard[1]}"
        yield f"a small model's clip: {name}", ours, other, ratio(found["ratio"]), ""


def _pvdm(results: Results) -> Iterator[Row]:
    for found in results.values():
        for pair in found["ratios"]:
            yield _pair(f"PVDM: {found['what']}", found, pair, ("", ""))


def _gpu(results: Results) -> Iterator[Row]:
    for name, found in results.items():
        what = f"{found.get('device', 'GPU')}: {found['what']}"
        if "step_seconds" in found:
            share = (
                f", {100 * found['share_of_790']:.0f} % of 790 TFLOP/s"
                if "share_of_790" in found
                else ""
            )
            step = seconds(found["step_seconds"]["median"])
            yield what, f"{step} a step{share}", "", "", GOALS.get((name, "step"), "")
        if "seconds_per_frame" in found:
            yield what, f"{seconds(found['seconds_per_frame'])} a frame", "", "", ""
        if "job_seconds" in found:
            how = " (extrapolated)" if found["extrapolated"] else ""
            yield (
                f"{what}, the job",
                f"{found['job_seconds']:.0f} s{how}",
                "",
                "",
                GOALS.get((name, ""), ""),
            )
        for network in ("guided", "decoded"):
            for pair in found.get(network, {}).get("ratios", {}):
                yield _pair(f"{what}, {network}", found[network], pair, ("", ""))


OF: dict[str, Callable[[Results], Iterator[Row]]] = {
    "networks": _networks,
    "layers": _layers,
    "clips": _clips,
    "frames": _frames,
    "start": _start,
    "video": _video,
    "cheaper": _cheaper,
    "pvdm_networks": _pvdm,
    "gpu": _gpu,
}
