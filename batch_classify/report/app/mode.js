// A way to look at the scans: its rows, and which of them is chosen.

/** Each mode brings its `rows`, and how to `show` them and to `refresh` what it shows. */
class Mode {
  constructor(page) {
    this.page = page;
    this.at = 0;
  }

  get current() {
    return this.rows[this.at] ?? null;
  }

  /** Chooses the row at a place, or the one nearest to it. */
  select(place) {
    this.at = Math.min(Math.max(0, place), Math.max(0, this.rows.length - 1));
  }

  move(by) {
    this.select(this.at + by);
  }

  moveLine(by) {
    this.move(by);
  }

  reveal(row) {
    const place = this.rows.indexOf(row);
    if (place >= 0) this.select(place);
    else this.refresh();
  }
}
