"""Shards of the input on Ray Data: on the cores of this machine, or on a cluster.

A shard is some files, or a packed one. Workers read and prepare it; actors that hold the model answer it part
by part and put the parts on the `shelf`, from where this process takes them in order, whichever come first.
So a killed worker costs its shard once more, and a run that is cut off the shards that it was at. Knows how
shards are cut and moved; what becomes of a file is up to the steps. Needs the extra `ray`.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2

from batch_classify.cards import BATCH, answer, ways_of
from batch_classify.classifier import Classifier
from batch_classify.decide import Thresholds
from batch_classify.decode import Contents, quiet, read
from batch_classify.engines import Setup
from batch_classify.errors import ExitCode, JobError
from batch_classify.job import Engine, Work, check_still_there, edition_of, ending, identity
from batch_classify.ledger import Edition
from batch_classify.objects import Mark, ObjectScan, read_objects
from batch_classify.packed import PACKED, members
from batch_classify.parcel import Parcel, pack, unpack
from batch_classify.pool import SECONDS, Beat, cpu_count, each, in_order, watched
from batch_classify.prepare import Prepared, crashed_on, prepare_contents
from batch_classify.report.card import Card
from batch_classify.scan import OneFile, Scan, Selection
from batch_classify.shelf import Answers, Part, Shelf
from batch_classify.stamp import COARSE_NS, Stamp
from batch_classify.uri import Uri

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report its use to its makers
import ray
import ray.data

_LARGEST, _SMALLEST, _SHARDS = 1000, 64, 64
"""Loose files in a shard: as many as make 64 shards, so that as many workers have work, but in these bounds.
A large one keeps Ray's overhead small, and is what a killed worker costs."""
_REACHED_WITHIN = 10.0  # seconds
_PART = 1000  # files of a packed one, so that it takes no more memory than a shard of loose files

File = tuple[str, Contents]
Batch = Any
"""What Ray Data hands on, a dictionary: a list of values for each column, here of one."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Files below the root with their sizes, or a packed one; `name` is a digest of what its rows hang on."""

    name: str
    files: Sequence[tuple[str, int]]
    packed: bool


@dataclass(frozen=True, slots=True)
class Source:
    """Where a worker finds the files of a shard, and which of those in a packed one belong to the run."""

    root: Path | Uri
    selection: Selection

    def files(self, shard: Shard) -> Iterator[File | None]:
        """Yield them in order with what is in them; None for what is no candidate in a packed one."""
        if shard.packed:
            yield from members(self.root, shard.files[0][0], self.selection)
        elif isinstance(self.root, Uri):
            yield from read_objects(self.root, shard.files)
        else:
            yield from ((file, read(self.root / file)) for file, _ in shard.files)


def engine(setup: Setup) -> Engine:
    """Return the engine; `Effort.workers` is how many actors there may be at a time, None being one a CPU."""
    return partial(_answers, setup)


def _answers(setup: Setup, work: Work) -> Generator[list[Card], None, None]:
    """List the input, have all shards answered but those that are on the shelf, and take them in order."""
    candidates = work.candidates
    if isinstance(candidates, OneFile):
        raise JobError(ExitCode.USAGE, "--engine ray reads folders. For one image, leave it out.")
    at_first = identity(candidates.root) if isinstance(candidates.root, Path) else None
    shards = list(_shards(candidates, work))
    shelf = Shelf(setup.results)
    there: dict[str, dict[int, Part]] = defaultdict(dict)
    for part in shelf.parts():
        there[part.shard][part.number] = part
    new = [shard for shard in shards if work.neighbours.fresh or not _settled(there[shard.name])]
    for shard in new:
        shelf.remove(there.pop(shard.name, {}).values())
    names = {shard.name for shard in new}
    empty = True
    # Ray's own processes say on file descriptor 2 what ends no run, such as that a worker died.
    with (
        quiet(),
        _cluster(setup.address, work.effort.workers) if new else nullcontext(),
        closing(_answered(new, setup, work, candidates)) as news,
    ):
        for shard in shards:
            for part in _in_order(there[shard.name], news, there):
                answers = shelf.get(part)
                if part.again and isinstance(candidates.root, Path):
                    check_still_there(candidates, at_first)
                candidates.ignored += answers.ignored
                if shard.name in names:
                    work.tally.ways.update(answers.ways)
                else:
                    work.tally.remembered += len(answers.cards)
                empty = empty and not answers.cards
                yield list(answers.cards)
    yield from ending(candidates, empty)
    shelf.keep_only(shard.name for shard in shards)


def _settled(parts: Mapping[int, Part]) -> bool:
    """Whether a shard needs no worker: all parts are there, and nothing in them may read otherwise now."""
    whole = any(part.last and len(parts) == number + 1 for number, part in parts.items())
    return whole and not any(part.again for part in parts.values())


def _in_order(
    parts: Mapping[int, Part], news: Iterator[Part], there: Mapping[str, dict[int, Part]]
) -> Iterator[Part]:
    """Yield the parts of a shard in order; what comes meanwhile of others is filed until they are wanted."""
    number, last = 0, False
    while not last:
        while number not in parts:
            part = next(news)
            there[part.shard][part.number] = part
        yield parts[number]
        number, last = number + 1, parts[number].last


def _shards(candidates: Scan, work: Work) -> Iterator[Shard]:
    """Cut the candidates into shards: packed ones each by itself, and what lies between them by number."""
    marked = [(file, _mark(candidates, file)) for file in candidates]
    size = min(_LARGEST, max(_SMALLEST, -(-len(marked) // _SHARDS)))
    loose: list[tuple[str, Mark]] = []
    for file, mark in marked:
        packed = file.lower().endswith(PACKED)
        if loose and (packed or len(loose) == size):
            yield _shard(candidates, work, loose, packed=False)
            loose = []
        if packed:
            yield _shard(candidates, work, [(file, mark)], packed=True)
        else:
            loose.append((file, mark))
    if loose:
        yield _shard(candidates, work, loose, packed=False)


def _mark(candidates: Scan, file: str) -> Mark:
    if isinstance(candidates, ObjectScan):
        return candidates.mark(file)
    try:
        stamp = Stamp.of((candidates.root / file).stat())
    except OSError:
        return Mark(0, "")  # reading it will tell why
    now = time.time_ns()
    # Of a file that was touched just now, the mark is of this run only.
    fresh = stamp.touched_between(now - COARSE_NS, now + COARSE_NS)
    return Mark(stamp.size, f"{stamp} at {now}" if fresh else str(stamp))


def _shard(candidates: Scan, work: Work, marked: Sequence[tuple[str, Mark]], *, packed: bool) -> Shard:
    facts = [str(candidates.path.absolute()), work.edition, work.classifier.thresholds, marked]
    facts.append(candidates.selection if packed else None)
    name = blake2b(repr(facts).encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
    return Shard(name, [(file, mark.size) for file, mark in marked], packed)


@contextmanager
def _cluster(address: str | None, workers: int | None) -> Iterator[None]:
    """Join the cluster at the address, or start one on this machine; one that is joined already stays."""
    if ray.is_initialized():
        yield
        return
    heard = signal.getsignal(signal.SIGTERM)
    here: dict[str, Any] = {} if address else {"num_cpus": workers or cpu_count(), "include_dashboard": False}
    try:
        _check_that_somebody_listens(address or "")
        ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **here)
    except Exception as error:  # Ray has no common class for its errors
        what = f"join the Ray cluster at {address}" if address else "start Ray on this machine"
        raise JobError(
            ExitCode.ENVIRONMENT,
            f"cannot {what} ({error}). Check with ray status whether it runs, or leave --ray-address out.",
        ) from error
    try:
        signal.signal(signal.SIGTERM, heard)  # Ray sets its own, which ends with another exit code
        yield
    finally:
        ray.shutdown()


def _check_that_somebody_listens(address: str) -> None:
    """Raise OSError if nobody does at a host and a port: Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), _REACHED_WITHIN).close()


def _answered(
    shards: Sequence[Shard], setup: Setup, work: Work, candidates: Scan
) -> Generator[Part, None, None]:
    """Have the shards answered and put on the shelf; yield their parts as they are there, in whatever order.

    On CPUs Ray fuses both steps, so that an actor reads what it answers, and nothing waits for a core that
    actors hold. On GPUs reading is done by tasks, on as many cores as there are.
    """
    if not shards:
        return
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.raise_original_map_exception = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    device = work.classifier.model.device
    kind, resources = ("GPU", (0, 1)) if device == "cuda" else ("CPU", (1, 0))
    there = ray.cluster_resources().get(kind, 1)
    actors = min(work.effort.workers or int(there), len(shards))
    files = {path.name: path.read_bytes() for path in setup.model.iterdir() if path.is_file()}
    rows = [{"shard": pickle.dumps(shard)} for shard in shards]
    parts = (
        ray.data.from_items(rows, override_num_blocks=len(rows))
        .map_batches(
            partial(
                _prepare,
                source=Source(candidates.root.absolute(), candidates.selection),
                results=setup.results,
            ),
            batch_size=1,
            batch_format="numpy",
            num_cpus=1,
        )
        .map_batches(
            Answerer,
            fn_constructor_args=(files, device, work.classifier.thresholds, work.edition, setup.results),
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=max(1, actors)),
            num_cpus=resources[0],
            num_gpus=resources[1],
        )
    )
    try:
        for row in parts.iter_rows():
            yield Part(**row)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, JobError):
            raise error.cause from error
        raise


def _prepare(batch: Batch, source: Source, results: Path | Uri) -> Iterator[Batch]:
    """Read and prepare a shard, and yield its parts: the same each time, since Ray may ask for the rest only.

    One that was begun before may have killed its worker, so its files are decoded in another process.
    """
    cv2.setNumThreads(1)
    shard: Shard = pickle.loads(batch["shard"][0])
    prepared = _quickly if Shelf(results).first_try(shard.name) else _carefully
    ignored: list[None] = []
    files = _candidates(source.files(shard), ignored)
    number = 0
    while True:
        parcels = list(prepared(islice(files, _PART)))
        after = next(files, None)
        yield {"part": [pickle.dumps((shard.name, number, after is None, parcels, len(ignored)))]}
        if after is None:
            return
        files = chain([after], files)
        ignored.clear()
        number += 1


def _candidates(files: Iterable[File | None], ignored: list[None]) -> Iterator[File]:
    for file in files:
        if file is None:
            ignored.append(None)
        else:
            yield file


def _quickly(files: Iterator[File]) -> Iterator[Parcel]:
    while pages := watched(_together, SECONDS, islice(files, BATCH["cpu"])):
        yield pack(pages)


def _together(files: Iterable[File], beat: Beat) -> list[Prepared]:
    return prepare_contents(each(files, beat))


def _carefully(files: Iterator[File]) -> Iterator[Parcel]:
    for parcels in in_order(_one_by_one, ([file] for file in files), 1, _crashed):
        yield from parcels


def _one_by_one(files: Iterable[File], beat: Beat) -> list[Parcel]:
    return [pack(prepare_contents([file])) for file in each(files, beat)]


def _crashed(file: File) -> Parcel:
    return pack([crashed_on(*file)])


class Answerer:
    """An actor: holds the model, answers parts of shards and puts them on the shelf."""

    def __init__(
        self,
        model: Mapping[str, bytes],
        device: str,
        thresholds: Thresholds,
        edition: Edition,
        results: Path | Uri,
    ) -> None:
        """Load the model from the contents of its files, since a worker need not have its folder."""
        with TemporaryDirectory() as folder:
            for name, data in model.items():
                (Path(folder) / name).write_bytes(data)
            self._classifier = replace(Classifier.load(Path(folder), device), thresholds=thresholds)
        self._alike = edition_of(self._classifier) == edition
        self._size = BATCH[device]
        self._shelf = Shelf(results)

    def __call__(self, batch: Batch) -> Batch:
        """Answer a part; return what it is called on the shelf.

        Raises JobError (ENVIRONMENT) where other versions of libraries could give other answers. (Raised by
        the constructor, Ray would not hand it on.)
        """
        if not self._alike:
            raise JobError(
                ExitCode.ENVIRONMENT,
                "a worker has other versions of this program or its libraries. Install the same everywhere.",
            )
        shard, number, last, parcels, ignored = pickle.loads(batch["part"][0])
        pages = [page for parcel in parcels for page in unpack(parcel)[0]]
        batches = (pages[at : at + self._size] for at in range(0, len(pages), self._size))
        cards = [card for some in batches for card in answer(some, self._classifier)]
        part = Part(shard, number, last, not all(page.sha256 for page in pages))
        self._shelf.put(part, Answers(cards, ignored, ways_of(pages)))
        return {name: [value] for name, value in part._asdict().items()}
