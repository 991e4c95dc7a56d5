"""Work done in order by other processes, with a name for whatever kills or stops one of them."""

import collections
import dataclasses
import itertools
import multiprocessing
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection
from typing import Any, Protocol

PATIENCE = 300.0  # seconds


class Work(Protocol):
    """What is done with one item: a value that can be pickled, called in another process.

    `at(number)` says what is being read from now on; `named(number)` is its name, for errors.
    """

    def __call__(self, item: Any, at: Callable[[int], None], /) -> Any: ...

    def named(self, number: int) -> str: ...


def ordered(
    work: Work,
    items: Iterable[Any],
    *,
    workers: int = 0,
    ahead: int = 16,
    patience: float = PATIENCE,
) -> Iterator[Any]:
    """`work` done with every item, results in the order of the items.

    Args:
      workers: processes, started afresh (spawn); with 0 the work is done here.
      ahead: results begun and not yet taken; bounds the memory.
      patience: seconds without any news before a worker is given up.

    Raises:
      ValueError: fewer workers than none; a worker died or hangs; the message names what it was
        reading.
    """
    if workers < 0:
        raise ValueError(f"workers: {workers}; give 0 for none, or how many processes")
    if not workers:
        for item in items:
            yield work(item, lambda number: None)
        return
    crew = [_Worker(work, number) for number in range(workers)]
    try:
        yield from _ordered(crew, iter(items), ahead, patience)
    finally:
        for worker in crew:
            worker.stop()


def _ordered(
    crew: list["_Worker"], items: Iterator[Any], ahead: int, patience: float
) -> Iterator[Any]:
    done: dict[int, Any] = {}
    sent = 0
    for turn in itertools.count():
        for item in itertools.islice(items, turn + ahead - sent):
            min(crew, key=lambda worker: len(worker.owed)).send(sent, item)
            sent += 1
        if turn == sent:
            return
        while turn not in done:
            _receive(crew, done, turn, patience)
        result = done.pop(turn)
        if isinstance(result, _Failure):
            raise RuntimeError(result.text)
        yield result


def _receive(crew: list["_Worker"], done: dict[int, Any], turn: int, patience: float) -> None:
    busy = {worker.results: worker for worker in crew if worker.owed}
    late = next(worker for worker in crew if turn in worker.owed)
    limit = patience if late.ready else max(patience, PATIENCE)
    answering = connection.wait(list(busy), timeout=limit)
    if not answering:
        raise ValueError(
            f"{late.doing()} and has not answered for {limit:g} seconds; take that clip out of the "
            "folder, or look whether the disk answers"
        )
    for results in answering:
        worker = busy[results]  # ty: ignore[invalid-argument-type]
        answer = worker.answer()
        if worker.ready:
            done[worker.owed.popleft()] = answer
        worker.ready = True


class _Worker:
    """One process and the numbers of the items that it owes, oldest first.

    Its first answer says that it is ready: starting may take longer than any clip.
    """

    def __init__(self, work: Work, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        tasks, self._tasks = context.Pipe(duplex=False)
        self.results, results = context.Pipe(duplex=False)
        self._at = context.RawValue("q", -1)
        self._work, self._number = work, number
        self.ready = False
        self.owed: collections.deque[int] = collections.deque()
        self._process = context.Process(
            target=_serve, args=(work, tasks, results, self._at), daemon=True
        )
        self._process.start()
        tasks.close()
        results.close()

    def send(self, number: int, item: Any) -> None:
        self.owed.append(number)
        try:
            self._tasks.send(item)
        except OSError:
            raise self._death() from None

    def answer(self) -> Any:
        try:
            answer = self.results.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if isinstance(answer, _Failure):
            return _Failure(f"{self.doing(answer.at)} and failed:\n{answer.text}", answer.at)
        return answer

    def doing(self, at: int | None = None) -> str:
        """The beginning of a sentence about what it reads; now, if `at` does not say what."""
        at = self._at.value if at is None else at
        reads = "is starting" if at < 0 else f"reads {self._work.named(at)}"
        return f"worker {self._number} {reads}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._tasks.close()
        self.results.close()
        self._process.close()

    def _death(self) -> ValueError:
        self._process.join(10)
        code = self._process.exitcode
        how = f"exit status {code}"
        if code is not None and code < 0:
            how = f"{signal.Signals(-code).name}, which may mean too little memory"
        return ValueError(
            f"{self.doing()} and died ({how}); take that clip out of the folder, or use no workers "
            "to see what happens"
        )


@dataclasses.dataclass(frozen=True)
class _Failure:
    """An error that no work should raise, as its text, and what was being read. It is raised when
    the turn comes to it, so that how far the others are changes nothing."""

    text: str
    at: int


def _serve(work: Work, tasks: Any, results: Any, at: Any) -> None:
    """Does the tasks one after another; a thread sends, so that a full pipe stops nobody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outbox: queue.SimpleQueue = queue.SimpleQueue()
    outbox.put("ready")
    threading.Thread(target=_send, args=(outbox, results), daemon=True).start()

    def note(number: int) -> None:
        at.value = number

    while True:
        try:
            item = tasks.recv()
        except (EOFError, OSError):
            return
        try:
            outbox.put(work(item, note))
        except Exception:
            outbox.put(_Failure(traceback.format_exc(), at.value))


def _send(outbox: queue.SimpleQueue, results: Any) -> None:
    with results:
        while True:
            try:
                results.send(outbox.get())
            except OSError:
                return
