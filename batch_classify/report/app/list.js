// Many rows at once, in lines that are drawn when they come into view, and the dock about the chosen one.

/** Each list brings its `lines`. */
class List extends Mode {
  constructor(page) {
    super(page);
    this.rows = [];
    this.dock = new Dock(page);
  }

  /** How much of the window's top is covered, in px. */
  get above() {
    return this.page.above;
  }

  lineOf(place) {
    return place;
  }

  select(place) {
    const before = this.at;
    super.select(place);
    this.lines.refresh(this.lineOf(before));
    this.lines.refresh(this.lineOf(this.at));
    this.lines.reveal(this.lineOf(this.at), this.above, this.dock.element.offsetHeight);
    this.lines.box.querySelector("[aria-selected=true]")?.focus({ preventScroll: true });
    this.dock.show(this.current);
  }

  answered(row, words) {
    this.refresh();
    this.page.say(`${words}: ${row.name}`);
  }

  refresh() {
    [...this.lines.drawn.keys()].forEach((line) => this.lines.refresh(line));
    this.dock.show(this.current);
  }
}
