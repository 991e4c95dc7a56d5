"""The page of a folder of videos: HTML with its style and its few lines of script inside, links
relative to the folder, nothing from anywhere else."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .compare_measures import measures_of
from .films import Film
from .outputs import read_json
from .scoreboard import COLUMNS, directions, rows

SHOWN = ("following", "drift")
"""Curves under a video, in green and in red."""
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem; max-width: 100rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.tools { position: sticky; top: 0; padding: .6rem 0; background: Canvas; z-index: 1;
  border-bottom: 1px solid var(--line); display: flex; gap: 1rem; flex-wrap: wrap; }
table { border-collapse: collapse; font-size: .78rem; display: block; overflow-x: auto; }
th, td { padding: .25rem .4rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; } th:first-child, td:first-child { text-align: left; }
.row { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(9rem, 14rem); gap: .8rem;
  overflow-x: auto; padding-bottom: .5rem; }
.case { margin: 1.2rem 0; } .case > p { margin: 0 0 .4rem; }
figure { margin: 0; } video { width: 100%; display: block; background: var(--soft);
  image-rendering: pixelated; border-radius: 4px; }
figcaption { font-size: .78rem; } figcaption b { font-size: .9rem; display: block; }
dl { margin: .2rem 0 0; display: grid; grid-template-columns: auto auto; gap: 0 .5rem; }
svg { width: 100%; height: 2rem; display: block; border-bottom: 1px solid var(--line); }
polyline { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.following { stroke: #2a7; } .drift { stroke: #d53; }
dt { opacity: .7; } dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; border: 1px solid var(--line); }
"""
SCRIPT = """
const all = [...document.querySelectorAll('video')], on = new Set();
let playing = true;
const seen = new IntersectionObserver(changes => changes.forEach(({target, isIntersecting}) => {
  if (isIntersecting) { on.add(target); if (playing) target.play().catch(() => {}); }
  else { on.delete(target); target.pause(); }
}));
all.forEach(video => seen.observe(video));
document.getElementById('play').onclick = event => {
  playing = !playing;
  event.target.textContent = playing ? 'Pause' : 'Play';
  on.forEach(video => playing ? video.play() : video.pause());
};
document.getElementById('again').onclick = () => all.forEach(video => video.currentTime = 0);
const pick = () => document.querySelectorAll('.case').forEach(row => {
  const fits = name => ['', row.dataset[name]].includes(document.getElementById(name).value);
  row.hidden = !(fits('frames') && fits('seed'));
});
['frames', 'seed'].forEach(name => document.getElementById(name).onchange = pick);
"""


def page(folder: Path, films: Sequence[Film], title: str) -> str:
    """The page, to lie in `folder`, of the films in it."""
    measured = {film.path: measures_of(film.path) or {} for film in films}
    lengths = {film.path: _length(film, measured[film.path]) for film in films}
    cases: dict[tuple[str, str, str], list[Film]] = {}
    for film in films:
        prompt, seed = film.cell
        key = lengths[film.path], prompt, "" if seed is None else str(seed)
        cases.setdefault(key, []).append(film)
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{len(films)} videos. A video plays while it is on the screen. Below it, over time and "
        "from 0 to 1: how far it follows its prompt (green), how far it has drifted (red).</p>",
        _tools(sorted({key[0] for key in cases}, key=_number), sorted({key[2] for key in cases})),
        *_summary(folder),
        "<h2>Videos</h2>",
        *(
            _case(folder, key, shown, measured)
            for key, shown in sorted(cases.items(), key=lambda item: (_number(item[0][0]), item[0]))
        ),
    ]
    return _document(title, body)


def _summary(folder: Path) -> Iterable[str]:
    """Tables and strips of a comparison, if the folder is one's."""
    path = folder / "results.json"
    if not path.is_file():
        return
    record = read_json(path)
    if not {"lengths", "interval"} <= set(record):
        raise ValueError(f"{path} holds no comparison; make it with compare, or remove it")
    for frames in record["lengths"]:
        yield f"<h2>{escape(frames)} frames</h2>"
        yield _table(*rows(record, frames))
        picture = f"strips-{frames}.png"
        if (folder / picture).is_file():
            yield f'<p><img src="{quote(picture)}" alt="strips of all methods" loading="lazy"></p>'
    yield f"<p>In brackets the interval of the mean, {escape(record['interval'])}. "
    yield f"{escape(record.get('distance', ''))}. "
    yield f"{escape(directions(record))}.</p>"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    cells = ["".join(f"<td>{escape(text)}</td>" for text in row) for row in body]
    names = "".join(f"<th>{escape(text)}</th>" for text in head)
    return f"<table><tr>{names}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _tools(lengths: Sequence[str], seeds: Sequence[str]) -> str:
    return (
        '<div class="tools"><button id="play">Pause</button>'
        '<button id="again">From the start</button>'
        f"{_choice('frames', lengths)}{_choice('seed', seeds)}</div>"
    )


def _choice(name: str, values: Sequence[str]) -> str:
    shown = "".join(f'<option value="{escape(v)}">{escape(v)}</option>' for v in values if v)
    return (
        f'<label>{name} <select id="{name}"><option value="">all</option>{shown}</select></label>'
    )


def _case(
    folder: Path,
    key: tuple[str, str, str],
    films: Sequence[Film],
    measured: dict[Path, dict[str, Any]],
) -> str:
    frames, prompt, seed = key
    said = " · ".join(
        filter(None, [f"{frames} frames" * bool(frames), f"seed {seed}" * bool(seed)])
    )
    shown = "".join(_figure(folder, film, measured[film.path]) for film in films)
    return (
        f'<div class="case" data-frames="{escape(frames)}" data-seed="{escape(seed)}">'
        f"<p><b>{escape(prompt)}</b> <small>{escape(said)}</small></p>"
        f'<div class="row">{shown}</div></div>'
    )


def _figure(folder: Path, film: Film, measured: dict[str, Any]) -> str:
    poster = film.path.with_suffix(".png")  # beside other programs' videos lies a contact sheet
    whole = "method" in (film.record or {}) and poster.is_file()
    still = f' poster="{_link(folder, poster)}"' if whole else ""
    figures = measured.get("figures", {})
    scores = "".join(
        f"<dt>{escape(heading)}</dt><dd>{figures[name]:.{decimals}f}</dd>"
        for name, (heading, decimals) in COLUMNS.items()
        if figures.get(name) is not None
    )
    return (
        f'<figure><video src="{_link(folder, film.path)}"{still} preload="none" muted loop '
        f"playsinline controls></video><figcaption><b>{escape(film.method)}</b>"
        f"{_curves(measured.get('curves', {}))}<dl>{scores}</dl></figcaption></figure>"
    )


def _curves(curves: dict[str, list[list[float]]]) -> str:
    """Following and drift over the video, from 0 at the foot to 1."""
    lines = []
    for name in SHOWN:
        values = [value for part in curves.get(name, []) for value in part]
        if len(values) > 1:
            step = 100 / (len(values) - 1)
            points = " ".join(f"{n * step:.1f},{21 - 20 * v:.1f}" for n, v in enumerate(values))
            lines.append(f'<polyline class="{name}" points="{points}"/>')
    if not lines:
        return ""
    shape = 'viewBox="0 0 100 22" preserveAspectRatio="none"'
    return f"<svg {shape}><title>{' and '.join(SHOWN)} over time</title>{''.join(lines)}</svg>"


def _link(folder: Path, path: Path) -> str:
    return quote(path.relative_to(folder).as_posix())


def _length(film: Film, measured: dict[str, Any]) -> str:
    frames = (film.record or {}).get("frames") or measured.get("frames")
    return "" if frames is None else str(frames)


def _number(text: str) -> int:
    return int(text) if text else 0


def _document(title: str, body: Iterable[str]) -> str:
    lines = "\n".join(body)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{lines}\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
