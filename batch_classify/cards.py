"""What becomes of prepared pages: shown to the network, decided on, and made cards.

Knows pages, predictions and rows; not where the pages come from, nor when who is shown what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np

from batch_classify.classifier import Classifier
from batch_classify.decide import Prediction
from batch_classify.ledger import Ledger
from batch_classify.memory import Memory
from batch_classify.prepare import Known, Prepared
from batch_classify.report.card import Card, Pictures
from batch_classify.row import Reason, Row, Status

BATCH = {"cpu": 64, "cuda": 512}
"""Files a batch, by device."""


def answer(pages: Sequence[Prepared], classifier: Classifier) -> list[Card]:
    """Return what the model says of prepared pages, for an engine that keeps no logits."""
    return cards_of(shown(pages, classifier), classifier)


def shown(pages: Sequence[Prepared], classifier: Classifier) -> list[Prepared]:
    """Return the pages with what the network says of the pictures that it had not seen."""
    new = [page.image for page in pages if page.image is not None and page.logits is None]
    size = BATCH[classifier.model.device]  # more at a time would be no faster, and take more memory
    parts = (np.array(new[at : at + size], np.uint8) for at in range(0, len(new), size))
    logits = (row for part in parts for row in classifier.model.logits(part))
    return [
        page if page.image is None or page.logits is not None else page._replace(logits=next(logits))
        for page in pages
    ]


def cards_of(pages: Sequence[Prepared], classifier: Classifier) -> list[Card]:
    """Decide on pages that were shown to the network."""
    told = [(page.logits, page.reason) for page in pages if page.logits is not None]
    logits = np.array([logits for logits, _ in told], np.float32)
    predictions = iter(classifier.decide(logits, [reason for _, reason in told]) if told else ())
    return [
        Card(_row(page, next(predictions) if page.logits is not None else None), page.thumbnail, page.image)
        for page in pages
    ]


def with_copies(
    pages: Sequence[Prepared | Known], new: Sequence[Card], memory: Memory, ledger: Ledger | None
) -> list[Card]:
    """Return the cards of all pages in order: those that are new, and of copies those that the memory has."""
    news = iter(new)
    pictures = partial(_pictures, ledger)
    cards: list[Card] = []
    for page in pages:
        if isinstance(page, Known):
            for first in memory.rows(page.sha256):
                cards.append(Card(Row(page.file, *first[1:]), None, None, pictures))
        else:
            cards.append(next(news))
    return cards


def ways_of(pages: Sequence[Prepared]) -> Counter[str]:
    """Count the pictures that went each way through `preprocess` in this run, see `job.Tally`."""
    return Counter("short" if page.clean else "long" for page in pages if page.clean is not None)


def _pictures(ledger: Ledger | None, row: Row) -> Pictures:
    """Fetch the pictures of a row whose content the ledger has; none where it has been damaged meanwhile."""
    pages = ledger.recall(row.file, row.sha256) if ledger else []
    return next(((page.thumbnail, page.image) for page in pages if page.page == row.page), (None, None))


def _row(page: Prepared, prediction: Prediction | None) -> Row:
    row = Row(
        page.file,
        page.page,
        Status.DEFERRED if page.reason is Reason.BEING_WRITTEN else Status.ERROR,
        page.reason,
        page.detail,
        width=page.width,
        height=page.height,
        sha256=page.sha256,
    )
    if prediction is None:
        return row
    return prediction.on(row)
