"""What can be said about the world of sprites: facts to words and back.

The canonical caption of a picture is `caption(facts)`; `paraphrase` says the same, or part of it,
in other words, and `parse` reads all of them back. A fact that a caption does not mention is None,
and nobody is judged on it.
"""

import dataclasses
import difflib
import re
from collections.abc import Callable, Sequence

import numpy as np

COLOURS = ("red", "green", "blue", "yellow", "magenta", "cyan")
SHAPES = ("circle", "square", "triangle", "cross")
BACKGROUNDS = ("black", "gray", "white", "brown")
PATTERNS = ("plain", "striped", "checkered")
DIRECTIONS = ("left", "right", "up", "down")
MOTIONS = (*(f"moves {way}" for way in DIRECTIONS), "bounces", "turns", "rests")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a clip shows; None is a fact that was not spoken of.

    Raises:
      ValueError: naming every field whose value the world does not know, and for a circle that
        turns (nobody could see it).
    """

    colour: str | None = None
    shape: str | None = None
    background: str | None = None
    pattern: str | None = None
    motion: str | None = None

    def __post_init__(self):
        trouble = [
            f"{name} is {value!r}; the world knows {', '.join(CHOICES[name])}"
            for name, value in dataclasses.asdict(self).items()
            if value is not None and value not in CHOICES[name]
        ]
        if self.shape == "circle" and self.motion == "turns":
            trouble.append(
                "a circle that turns looks like one that rests: let it rest or take another shape"
            )
        if trouble:
            raise ValueError("these facts do not fit: " + "; ".join(trouble))

    def unspoken(self) -> tuple[str, ...]:
        """The names of the facts that are None."""
        return tuple(name for name, value in dataclasses.asdict(self).items() if value is None)


CHOICES = {
    "colour": COLOURS,
    "shape": SHAPES,
    "background": BACKGROUNDS,
    "pattern": PATTERNS,
    "motion": MOTIONS,
}

# The first phrase of every list is the canonical one.
_PHRASES = {
    "moves": ("moves {}", "moving {}", "is moving {}", "goes {}", "is going {}"),
    "bounces": ("bounces", "bouncing", "is bouncing", "bounces up and down"),
    "turns": ("turns", "turning", "is turning", "rotates", "is rotating", "spins", "is spinning"),
    "rests": ("rests", "is resting", "stays still", "stands still", "is still"),
}
_WAYS = {
    "left": ("left", "left", "to the left"),
    "right": ("right", "right", "to the right"),
    "up": ("up", "up", "upwards"),
    "down": ("down", "down", "downwards"),
}
_GROUNDS = {
    "plain": ("a plain {} background", "a {} plain background"),
    "striped": (
        "a striped {} background",
        "a {} striped background",
        "a {} background with stripes",
    ),
    "checkered": (
        "a checkered {} background",
        "a {} checkered background",
        "a {} background with checks",
    ),
    None: ("a {} background",),
}
_HIDDEN = ((),) * 12 + (("shape",), ("motion",), ("pattern",), ("background", "pattern"))
_PLACES = ("over", "on", "against")

_SYNONYMS = {
    "grey": "gray",
    "stripes": "striped",
    "checks": "checkered",
    "upwards": "up",
    "downwards": "down",
    **dict.fromkeys(("going", "goes", "moving"), "moves"),
    "bouncing": "bounces",
    **dict.fromkeys(("turning", "rotates", "rotating", "spins", "spinning"), "turns"),
    **dict.fromkeys(("resting", "still"), "rests"),
}
_VERBS = tuple(_PHRASES)
_GLUE = ("a", "the", "is", "to", "and", "stays", "stands", "shape", "with", "background")

WORDS = tuple(
    sorted(
        {*COLOURS, *SHAPES, *BACKGROUNDS, *PATTERNS, *DIRECTIONS, *_VERBS, *_PLACES, *_GLUE}
        | set(_SYNONYMS)
    )
)
"""Every word that a caption of this world may hold."""


def caption(facts: Facts) -> str:
    """The canonical caption: "a red circle moves left over a plain black background".

    Facts that are None are left out.
    """
    return _sentence(facts, lambda choices: choices[0], ground_first=False)


def paraphrase(facts: Facts, seed: int | tuple[int, ...] = 0) -> str:
    """A seeded caption in other words; one in four leaves something out."""
    rng = np.random.default_rng(seed)

    def pick(choices):
        return choices[int(rng.integers(len(choices)))]

    hidden = pick(_HIDDEN)
    said = dataclasses.replace(facts, **dict.fromkeys(hidden))
    text = _sentence(said, pick, ground_first=rng.random() < 0.15)
    return text.replace("gray", "grey") if rng.random() < 0.25 else text


def _sentence(facts: Facts, pick: Callable[[Sequence[str]], str], *, ground_first: bool) -> str:
    thing = [pick(("a", "a", "a", "the")), facts.colour, facts.shape or "shape"]
    action, ground = [], []
    if facts.motion:
        verb, _, way = facts.motion.partition(" ")
        action = [pick(_PHRASES[verb]).format(pick(_WAYS[way]) if way else "")]
    if facts.background or facts.pattern:
        ground = [pick(_PLACES), pick(_GROUNDS[facts.pattern]).format(facts.background or "")]
    parts = ground + thing + action if ground_first else thing + action + ground
    return " ".join(" ".join(part for part in parts if part).split())


def parse(text: str) -> Facts:
    """Read a caption back.

    Args:
      text: words of `WORDS`; case and punctuation do not matter.

    Returns:
      The facts, None where the caption does not say.

    Raises:
      ValueError: naming every trouble: unknown words (with near ones), words in the wrong place
        ("a black circle"), two values for one fact, a movement without a direction, a circle that
        turns, or no fact at all.
    """
    spoken = re.sub(r"[^\w\s]", " ", text.lower()).split()
    trouble = [_unknown(word) for word in spoken if word not in WORDS]
    trouble += [f"the known words are {', '.join(WORDS)}"] if trouble else []
    words = [_SYNONYMS.get(word, word) for word in spoken]
    inside, ground = _split(words)
    said = {
        "colour": _only("colour", inside, COLOURS, trouble),
        "shape": _only("shape", inside, SHAPES, trouble),
        "background": _only("background", ground, BACKGROUNDS, trouble),
        "pattern": _only("pattern", ground, PATTERNS, trouble),
        "motion": _motion(inside, trouble),
    }
    misplaced = [word for word in inside if word in BACKGROUNDS + PATTERNS]
    trouble += [
        f"'{word}' is for backgrounds (say 'over a {word} background')" for word in misplaced
    ]
    misplaced = [word for word in ground if word in COLOURS + SHAPES + DIRECTIONS + _VERBS]
    trouble += [f"'{word}' cannot be said of a background" for word in misplaced]
    if not trouble and not any(said.values()):
        trouble.append(f"it names nothing of this world; try '{caption(_EXAMPLE)}'")
    if trouble:
        raise ValueError(f"the caption {text!r} cannot be read: " + "; ".join(trouble))
    return Facts(**said)


_EXAMPLE = Facts("red", "circle", "black", "plain", "moves left")


def _unknown(word: str) -> str:
    near = difflib.get_close_matches(word, WORDS, n=3)
    return f"the word '{word}' is not known" + (f" (near: {', '.join(near)})" if near else "")


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """The words about the thing, and those about what lies behind it.

    The latter go from "over", "on" or "against" to "background" or "background with stripes".
    """
    if "background" not in words:
        return words, []
    end = words.index("background")
    start = max((i for i, word in enumerate(words[:end]) if word in _PLACES), default=end)
    end += 3 if words[end + 1 : end + 2] == ["with"] else 1
    return words[:start] + words[end:], words[start:end]


def _only(name: str, words: list[str], choices: tuple[str, ...], trouble: list[str]) -> str | None:
    found = sorted({word for word in words if word in choices})
    if len(found) > 1:
        trouble.append(f"it gives {len(found)} answers for the {name}: {', '.join(found)}")
    return found[0] if found else None


def _motion(words: list[str], trouble: list[str]) -> str | None:
    verb = _only("motion", words, _VERBS, trouble)
    if verb == "bounces":
        words = [word for word in words if word not in ("up", "down")]
    way = _only("direction", words, DIRECTIONS, trouble)
    if verb == "moves" and not way:
        trouble.append(f"it does not say where the thing moves: {', '.join(DIRECTIONS)}")
    if verb not in (None, "moves") and way:
        trouble.append(f"'{verb}' does not go with '{way}'")
    return f"moves {way}" if way else verb
