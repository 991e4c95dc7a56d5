"""Pickles read as data: a small machine that imports nothing and calls nothing by name.

It knows the opcodes of protocols 2 to 5. What a pickle names by module is looked up in a table of
its owner; anything else becomes `Inert`. Whatever the pickle, work and memory have a bound.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, no_type_check

from vinf_jax.checkpoint.pickle_literals import MAX_NAME, OPCODES, Literals

MAX_STEPS = 2_000_000  # as many tensors as VideoCrafter2's, 2,039, take 80,000
MAX_KEY = 4096  # characters of a dictionary's key


@no_type_check
@dataclass(frozen=True, eq=False, slots=True)
class Inert:
    """Stands for something of a class that nobody here knows; it is empty and does nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of ours for a name in the pickle; it takes the tuple of arguments."""

    function: Callable[[tuple], Any]


Names = Mapping[tuple[str, str], Any]

RECALLS = {b"h": "<B", b"j": "<I"}
KEEPS = {b"q": "<B", b"r": "<I"}
EMPTIES: dict[bytes, Callable[[], Any]] = {
    b"]": list,
    b"}": dict,
    b")": tuple,
    b"\x8f": lambda: Inert("set"),
}
TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}


@no_type_check  # as Literals
class Machine:
    """Reads one pickle from where `stream` stands, to behind its last byte.

    Args:
        stream: the bytes, in memory.
        names: (module, name) to a `Call` or to any constant.
        persistent: what a persistent id stands for.
    """

    def __init__(self, stream: BytesIO, names: Names, persistent: Callable[[Any], Any]) -> None:
        self.source, self.names, self.persistent = Literals(stream), names, persistent
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under open marks
        self.memo: dict[int, Any] = {}
        self.steps = 0

    def run(self) -> Any:
        """The pickled object, of plain containers and numbers, `Inert` and what the owner made.

        Raises:
            ValueError: it is damaged or takes more than MAX_STEPS steps.
        """
        try:
            while (code := self.source.take(1)) != b".":
                self._spend(1)
                self._step(code)
            return self.stack.pop()
        except IndexError:
            raise ValueError("its pickle is damaged: it takes what it never made") from None

    def _step(self, code: bytes) -> None:
        if code in OPCODES:
            self.stack.append(self.source.literal(code))
        elif code in RECALLS:
            self._recall(self.source.number(RECALLS[code]))
        elif code in KEEPS:
            self.memo[self.source.number(KEEPS[code])] = self.stack[-1]
        elif code in TUPLES:
            items = [self.stack.pop() for _ in range(TUPLES[code])]
            self.stack.append(tuple(reversed(items)))
        elif code in EMPTIES:
            self.stack.append(EMPTIES[code]())
        elif code in OTHERS:
            OTHERS[code](self)
        else:
            raise ValueError(
                f"its pickle has opcode {code!r}, which no protocol from 2 to 5 needs for weights"
            )

    def _protocol(self) -> None:
        if (protocol := self.source.number("<B")) not in (2, 3, 4, 5):
            raise ValueError(f"its pickle has protocol {protocol}; 2 to 5 are read")

    def _frame(self) -> None:
        self.source.take(8)

    def _memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _recall(self, number: int) -> None:
        if number not in self.memo:
            raise ValueError(f"its pickle is damaged: it recalls {number}, which it never kept")
        self.stack.append(self.memo[number])

    def _mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _marked(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def _pop_marked(self) -> None:
        self._marked()

    def _pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._marked()

    def _duplicate(self) -> None:
        self.stack.append(self.stack[-1])

    def _frozenset(self) -> None:
        self._marked()
        self.stack.append(Inert("frozenset"))

    def _tuple(self) -> None:
        items = self._marked()
        self.stack.append(tuple(items))

    def _append(self) -> None:
        self._extend([self.stack.pop()])

    def _appends(self) -> None:
        self._extend(self._marked())

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Inert):
            raise ValueError(f"its pickle is damaged: it adds to a {type(target).__name__}")

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill(self.stack[-1], [key, value])

    def _set_items(self) -> None:
        items = self._marked()
        self._fill(self.stack[-1], items)

    def _fill(self, target: Any, items: list[Any]) -> None:
        if isinstance(target, Inert):
            return
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError("its pickle is damaged: it fills what is no dictionary, or by halves")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def _global(self) -> None:
        module, name = self.source.line(), self.source.line()
        self.stack.append(self._named(module, name))

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("its pickle is damaged: it names a class by what is no text")
        self.stack.append(self._named(module[:MAX_NAME], name[:MAX_NAME]))

    def _named(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return Call(self._ordered)
        return self.names.get((module, name), Inert(f"{module}.{name}"))

    def _ordered(self, args: tuple) -> dict:
        """OrderedDict(), or OrderedDict([[key, value], ...]) as Python 2 wrote it."""
        made: dict = {}
        match args:
            case ():
                return made
            case (list() as pairs,):
                self._spend(len(pairs))
                for pair in pairs:
                    if not isinstance(pair, list | tuple) or len(pair) != 2:
                        raise ValueError("its pickle is damaged: an OrderedDict of no pairs")
                    made[_key(pair[0])] = pair[1]
                return made
        raise ValueError("its pickle is damaged: an OrderedDict of something else than pairs")

    def _reduce(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self.stack.append(_called(function, args))

    def _new_with_keywords(self) -> None:
        _, args, function = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.stack.append(_called(function, args))

    def _build(self) -> None:
        """State of an object: of a dictionary's, `_metadata`, nothing is needed."""
        self.stack.pop()
        self.stack[-1]  # an IndexError where there is no object

    def _persistent(self) -> None:
        self.stack.append(self.persistent(self.stack.pop()))

    def _spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise ValueError(f"its pickle takes more than {MAX_STEPS} steps")


OTHERS: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": Machine._protocol,
    b"\x95": Machine._frame,
    b"\x94": Machine._memoize,
    b"(": Machine._mark,
    b"0": Machine._pop,
    b"1": Machine._pop_marked,
    b"2": Machine._duplicate,
    b"\x91": Machine._frozenset,
    b"t": Machine._tuple,
    b"a": Machine._append,
    b"e": Machine._appends,
    b"\x90": Machine._appends,
    b"s": Machine._set_item,
    b"u": Machine._set_items,
    b"c": Machine._global,
    b"\x93": Machine._stack_global,
    b"R": Machine._reduce,
    b"\x81": Machine._reduce,
    b"\x92": Machine._new_with_keywords,
    b"b": Machine._build,
    b"Q": Machine._persistent,
}


def _called(function: Any, args: Any) -> Any:
    if isinstance(function, Inert):
        return Inert(function.name)
    if not isinstance(function, Call) or not isinstance(args, tuple):
        raise ValueError("its pickle is damaged: it calls what is no function")
    return function.function(args)


def _key(key: Any) -> Any:
    """Text as it is. Anything else by identity: hashing nested tuples can take for ever."""
    if not isinstance(key, str):
        return key if isinstance(key, Inert) else Inert(type(key).__name__)
    if len(key) > MAX_KEY:
        raise ValueError(f"its pickle has a key of {len(key)} characters, above {MAX_KEY}")
    return key
