"""A video in pieces: mp4 segments, and one file of them all without encoding anything again.

PyAV is imported when needed.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from vinf_jax.media.target import replacing
from vinf_jax.media.video import FLAGS, Rate, opened, rate_of


def join(
    parts: Sequence[str | Path], path: str | Path, fps: Rate, *, overwrite: bool = False
) -> int:
    """Puts segments that `VideoWriter` wrote one behind the other; returns the number of frames.

    Packets are copied as they are, only their times are new: the pictures of the result are those
    of the segments to the bit. Memory does not grow with the video. The file appears whole or not
    at all.

    Args:
        parts: the segments, in the order of time.
        path: the target.
        fps: frames per second of the result.
        overwrite: replace an existing file.

    Raises:
        ValueError: no segments, one that is damaged or was encoded otherwise than the first.
        OSError: see `check_target`.
    """
    import av

    if not parts:
        raise ValueError(f"{path}: there are no segments to join")
    ranks = [_ranks(Path(part)) for part in parts]
    delay = max(late for part in ranks for late in _lateness(part))
    with (
        replacing(path, overwrite) as temporary,
        av.open(str(temporary), "w", format="mp4", options=FLAGS) as file,
    ):
        _copy([Path(part) for part in parts], ranks, delay, rate_of(fps), file)
    return sum(map(len, ranks))


def count(path: str | Path) -> int:
    """Frames of a segment, without decoding them.

    Raises:
        ValueError: it is damaged.
    """
    return len(_ranks(Path(path)))


def _copy(parts: list[Path], ranks: list[list[int]], delay: int, rate: Fraction, file: Any) -> None:
    """Frame n of the result is shown at n / rate; packets come `delay` frames earlier, so that
    none is decoded after it is shown and their order in time is that of the segments."""
    stream, first, looks = None, 0, None
    for part, shown in zip(parts, ranks, strict=True):
        with opened(part) as source:
            template = source.streams.video[0]
            if stream is None:
                looks = _looks(template)
                stream = file.add_stream_from_template(template)
                stream.time_base = 1 / rate
            elif _looks(template) != looks:
                raise ValueError(
                    f"{part} was encoded otherwise than {parts[0]} (size or codec's settings); "
                    "only segments of one kind can be joined"
                )
            for n, packet in enumerate(_packets(source)):
                packet.stream, packet.time_base = stream, 1 / rate
                packet.pts, packet.dts = first + shown[n], first + n - delay
                packet.duration = 1
                file.mux_one(packet)
        first += len(shown)


def _ranks(part: Path) -> list[int]:
    """At which place of its segment every packet is shown, in the order of storage."""
    with opened(part) as file:
        packets = list(_packets(file))
    stamps = [packet.pts for packet in packets]
    damaged = sum(packet.is_corrupt for packet in packets)
    if damaged:
        raise ValueError(f"{part} is damaged: {damaged} of its frames are cut off")
    if not stamps or None in stamps or len(set(stamps)) < len(stamps):
        raise ValueError(f"{part} cannot be joined: it holds no frames, or two of one time")
    place = {stamp: n for n, stamp in enumerate(sorted(stamps))}
    return [place[stamp] for stamp in stamps]


def _lateness(ranks: list[int]) -> Iterator[int]:
    """By how many frames each packet is stored behind its place."""
    return (n - rank for n, rank in enumerate(ranks))


def _packets(file: Any) -> Iterator[Any]:
    return (packet for packet in file.demux(video=0) if packet.size)


def _looks(stream: Any) -> tuple[Any, ...]:
    codec = stream.codec_context
    return codec.name, codec.width, codec.height, codec.extradata
