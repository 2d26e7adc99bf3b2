"""Worker processes: how many, how they start and end, and work that stays in order and survives a crash.

Processes and not threads, because on tiny files threads only wait for each other (measured); one thread
each, because workers times OpenCV's threads oversubscribe the machine. The kernel ends a worker that is
too long at one item, and refuses memory to one that takes too much. Knows nothing of what the work is.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing import forkserver, get_context, resource_tracker
from pathlib import Path
from threading import Thread
from typing import TypeVar

from batch_classify.garbage import spare_what_is_loaded

Item = TypeVar("Item")
Result = TypeVar("Result")
Chunk = TypeVar("Chunk")
Beat = Callable[[], None]
"""What work calls before each item, to show that it is not stuck."""

_NICE = 5  # how far workers stand back behind the process that all wait for: 2 % of a run of small files
_PIPE = 2**20  # bytes, the most that Linux gives to anybody
_AHEAD = 3  # chunks in flight for each worker: enough that none waits, few enough that memory stays flat
SECONDS = 120.0  # for one item; the largest picture within the limits takes a tenth of that
_for_life = ExitStack()  # what a worker enters; a context that nobody holds on to would end at once
MEMORY = 5 * 2**29  # bytes beyond an idle worker's; the largest picture within the limits takes 1.9 GiB


def cpu_count() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_ahead() -> None:
    """Start the server that workers are forked from, so that it imports while the caller does other things.

    Without this it starts with the first worker. It ends with this process.
    """
    # With the main module in the server, the workers need not import it one by one; nor what the job uses.
    forkserver.set_forkserver_preload(["__main__", "batch_classify.intake"])
    # While it imports, Ctrl-C would end the server with a traceback; so it starts deaf to it, and stays so.
    resource_tracker.ensure_running()  # the server needs it, and its own start would unblock the signal
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Run `workers` processes that decode quietly, with one thread each; what waits is dropped at the end.

    They are forked from a fresh server process, never from this one, whose threads and locks a fork would
    copy in whatever state they are.
    """
    start_ahead()
    pool = ProcessPoolExecutor(workers, mp_context=get_context("forkserver"), initializer=_start_worker)
    _widen(pool)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _widen(pool: ProcessPoolExecutor) -> None:
    """Let a worker hand over results in one piece, where the kernel allows: it would wait after each 64 KiB.

    This is 2 % of a run of small files. Python has no other way to the pipe than through its own attributes.
    """
    with suppress(AttributeError, OSError):
        pipe = pool._result_queue._writer  # type: ignore[attr-defined]  # for it is not public
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


def _start_worker() -> None:
    import cv2

    from batch_classify.decode import quiet

    spare_what_is_loaded()  # to look through it would be to copy it from the server that it is shared with
    # Ctrl-C reaches the whole process group; the parent decides what becomes of the run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    cv2.setNumThreads(1)
    os.nice(_NICE)
    _for_life.enter_context(quiet())
    _limit_memory()
    Thread(target=_end_with_parent, daemon=True).start()


def _limit_memory() -> None:
    """Take no more than MEMORY from here on; only Linux says how much that is already."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        size = int(statm.read_text().split()[0]) * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        limit = size + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit if most < 0 else min(limit, most), most))


def _end_with_parent() -> None:
    """Die when the process that started the pool is gone: killed, it could not say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def watched(work: Callable[[Chunk, Beat], list[Result]], seconds: float, chunk: Chunk) -> list[Result]:
    """Do `work` on a chunk; the kernel ends the process if it is so many seconds between two beats.

    Or up to a hundredth sooner: a call to the system for each small file is a tenth of reading it.
    """
    due = 0.0

    def beat() -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            due = now + seconds / 100

    results = work(chunk, beat)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return results


def each(items: Iterable[Item], beat: Beat) -> Iterator[Item]:
    """Yield items, each with a beat before it."""
    for item in items:
        beat()
        yield item


def in_order(
    work: Callable[[Sequence[Item], Beat], list[Result]],
    chunks: Iterable[Sequence[Item]],
    workers: int,
    crashed: Callable[[Item], Result],
    seconds: float = SECONDS,
) -> Iterator[list[Result]]:
    """Do `work` on each chunk in worker processes and yield the results in the order of the chunks.

    It gets a chunk, and a beat to call before each item. Only a few chunks are in flight, so an endless
    iterable takes no more memory than a short one. If a worker process dies, or is longer than `seconds` at
    an item, what was in flight is done again item by item, and `crashed` answers for the culprit. An
    exception in `work` comes through. No process is started before there is something to do.
    """
    guarded = partial(watched, work, seconds)
    chunks = iter(chunks)
    while True:
        chunks_in_flight: deque[Sequence[Item]] = deque()
        try:
            with worker_pool(workers) as pool:
                futures: deque[Future[list[Result]]] = deque()
                for chunk in chunks:
                    chunks_in_flight.append(chunk)
                    futures.append(pool.submit(guarded, chunk) if chunk else _done())
                    if len(futures) > workers * _AHEAD:
                        results = futures.popleft().result()
                        chunks_in_flight.popleft()
                        yield results
                for future in futures:
                    results = future.result()
                    chunks_in_flight.popleft()
                    yield results
            return
        except BrokenProcessPool:
            for chunk in chunks_in_flight:
                yield list(_one_by_one(guarded, chunk, crashed))


def _done() -> Future[list[Result]]:
    future = Future[list[Result]]()
    future.set_result([])
    return future


def _one_by_one(
    work: Callable[[Sequence[Item]], list[Result]], chunk: Sequence[Item], crashed: Callable[[Item], Result]
) -> Iterator[Result]:
    left = deque(chunk)
    while left:
        try:
            with worker_pool(1) as pool:
                while left:
                    results = pool.submit(work, [left[0]]).result()
                    left.popleft()
                    yield from results
        except BrokenProcessPool:
            yield crashed(left.popleft())
