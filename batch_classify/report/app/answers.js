// What people answered on this page, kept by the browser from one visit to the next.

class Answers {
  /** `changed` is called after each change. */
  constructor(changed) {
    this.changed = changed;
    this.place = "batch-classify " + facts.run;
    this.records = new Map();
    this.undoable = [];
    this.unexported = false;
    this.isKept = true;
    this.recall();
  }

  /** The answer about a row's picture, or undefined. */
  of(row) {
    return this.records.get(row.picture);
  }

  /** The label of a row as it stands now. */
  labelOf(row) {
    const answer = this.of(row);
    return answer ? answer.label : row.label;
  }

  /** Says what a row shows: a digit, or null for none. */
  give(row, label) {
    this.undoable.push({ row, before: this.of(row) });
    this.put({
      file: row.file,
      page: row.page,
      sha256: row.sha256,
      predicted_label: row.status === "reviewed" ? row.said : row.label,
      label,
      reviewed_at: new Date().toISOString().replace(/\.\d+/, ""),
    });
    this.unexported = true;
    this.keep();
  }

  /** Takes back the answer given last, or if there is none, that about `row`; returns the row, or null. */
  undo(row) {
    const last = this.undoable.pop() ?? (row && this.of(row) ? { row, before: undefined } : null);
    if (last === null) return null;
    if (last.before) this.put(last.before);
    else this.records.delete(last.row.picture);
    this.unexported = true;
    this.keep();
    return last.row;
  }

  /** Adds answers from a file; of two about one picture the later holds. Returns how many were taken. */
  add(records) {
    const later = records.filter((record) => {
      const known = this.records.get(pictureOf(record));
      return !known || known.label !== record.label && (record.reviewed_at || "~") >= known.reviewed_at;
    });
    later.forEach((record) => this.put(record));
    this.undoable = [];
    this.keep();
    return later.length;
  }

  list() {
    const order = (one, other) =>
      one.file < other.file ? -1 : one.file > other.file ? 1 : (one.page ?? 0) - (other.page ?? 0);
    return [...this.records.values()].sort(order);
  }

  exported() {
    this.unexported = false;
    this.keep();
  }

  put(record) {
    this.records.set(pictureOf(record), record);
  }

  recall() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.place) ?? "null");
      kept?.records.forEach((record) => this.put(record));
      this.unexported = Boolean(kept?.unexported);
    } catch {
      this.isKept = false;
    }
  }

  keep() {
    try {
      const records = [...this.records.values()];
      localStorage.setItem(this.place, JSON.stringify({ records, unexported: this.unexported }));
      this.isKept = true;
    } catch {
      this.isKept = false; // a private window, a full store, or a browser that keeps nothing for files
    }
    this.changed();
  }
}

function pictureOf(record) {
  return `${record.sha256} ${record.page ?? ""}`;
}
