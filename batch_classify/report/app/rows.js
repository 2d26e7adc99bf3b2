// The rows of the table, as `row_values` in spool.py writes them.

const FIELDS = [
  "file", "page", "status", "reason", "label", "confidence", "second", "secondConfidence",
  "width", "height", "sha256", "detail", "said", "saidConfidence", "suspect",
];
const NEED_A_HUMAN = new Set(["review", "rejected", "error"]);

class Row {
  /** `place` is the row's place by urgency; `scan` and `seen` those of its pictures, -1 where it has none. */
  constructor(values, place, scan, seen) {
    FIELDS.forEach((field, at) => {
      this[field] = values[at] ?? null;
    });
    this.place = place;
    this.scan = scan;
    this.seen = seen;
  }

  /** What an answer is about: the bytes of the file, and the page. */
  get picture() {
    return `${this.sha256} ${this.page ?? ""}`;
  }

  /** Whether there are bytes that an answer could be about; a file that could not be opened has none. */
  get answerable() {
    return this.sha256 !== "";
  }

  get needsHuman() {
    return NEED_A_HUMAN.has(this.status) || Boolean(this.suspect);
  }

  get name() {
    return visible(this.file) + (this.page === null ? "" : `, page ${this.page}`);
  }

  /** Why a human should look, or the status. */
  get why() {
    if (this.suspect) return "A human and the model disagree";
    return reasonWords(this.reason) || facts.statuses[this.status];
  }
}

/** Reads all rows, the most urgent first. */
function readRows() {
  const rows = [];
  for (const block of document.querySelectorAll("script[data-kind=rows]")) {
    const part = JSON.parse(block.textContent);
    part.rows.forEach((values, at) => rows.push(new Row(values, rows.length, part.scan[at], part.seen[at])));
    block.remove();
  }
  return rows;
}

/** By the label that stands in the table, then by confidence, the least sure first. */
function leastSure(one, other) {
  return (one.confidence ?? 0) - (other.confidence ?? 0) || one.place - other.place;
}
