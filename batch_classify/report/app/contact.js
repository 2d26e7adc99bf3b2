// What was read as the same digit side by side and small, the least sure first: an odd one is seen at a glance.

const CELL = 68; // px
const GUTTER = 28; // px, for the digit

class Contact extends List {
  constructor(page) {
    super(page);
    this.columns = 1;
    this.starts = []; // of the lines, among the rows
    this.byDigit = Array.from({ length: 10 }, (_, digit) =>
      page.rows.filter((row) => row.label === digit && row.answerable).sort(leastSure));
    this.choices = h("div", { class: "choices digits", role: "group", "aria-label": "Read as" });
    this.note = h("p", { class: "note" });
    this.list = h("div", { class: "sheet", role: "listbox", tabindex: "-1" });
    byId("contact").append(h("div", { class: "head" }, this.choices), this.note, this.list, this.dock.element);
    this.lines = new Lines(this.list, CELL, (line) => this.drawLine(line));
    window.addEventListener("resize", () => {
      if (this.page.view.mode === "contact" && this.fitting() !== this.columns) this.layOut();
    });
  }

  show(row) {
    if (!/^[0-9]$/.test(this.page.view.digit)) this.page.view.set({ digit: "all" });
    const { digit } = this.page.view;
    const choices = [["all", this.byDigit.flat()], ...this.byDigit.map((rows, label) => [String(label), rows])];
    this.choices.replaceChildren(h("span", {}, "Read as"), ...choices.map(([name, rows]) =>
      h("button", {
        type: "button",
        "aria-pressed": String(name === digit),
        "aria-label": `${name}, ${plural(rows.length, "scan", "scans")}`,
        click: () => {
          this.page.view.set({ digit: name });
          this.show();
        },
      }, name, h("small", {}, number(rows.length)))));
    const all = choices.find(([name]) => name === digit)[1];
    this.rows = all.filter((other) => other.seen >= 0);
    const hidden = all.length - this.rows.length;
    const as = digit === "all" ? "each digit" : digit;
    this.note.textContent = `${plural(this.rows.length, "scan", "scans")}, read as ${as}, the least sure first` +
      (hidden ? `, of ${number(all.length)}: a random sample has its picture on this page.` : ".") +
      " Click one that is odd and press its digit, or x.";
    this.list.setAttribute("aria-label", `Scans read as ${as}`);
    this.at = Math.max(0, row ? this.rows.indexOf(row) : 0);
    this.layOut();
    this.dock.show(this.current);
  }

  fitting() {
    return Math.max(1, Math.floor((this.list.clientWidth - GUTTER) / CELL));
  }

  layOut() {
    this.columns = this.fitting();
    this.starts = [];
    this.rows.forEach((row, place) => {
      const start = this.starts.at(-1);
      if (place - start < this.columns && row.label === this.rows[start].label) return;
      this.starts.push(place);
    });
    this.lines.show(this.starts.length);
  }

  drawLine(line) {
    const first = this.starts[line];
    const { label } = this.rows[first];
    const isFirst = line === 0 || this.rows[first - 1].label !== label;
    return h("div", { role: "presentation", class: "line" },
      h("span", { class: "which", "aria-hidden": "true" }, isFirst ? String(label) : ""),
      this.rows.slice(first, this.starts[line + 1]).map((row, offset) => this.cell(row, first + offset)));
  }

  lineOf(place) {
    let line = this.starts.findIndex((start) => start > place);
    if (line < 0) line = this.starts.length;
    return line - 1;
  }

  cell(row, place) {
    const answer = this.page.answers.of(row);
    const label = this.page.answers.labelOf(row);
    const changed = label !== row.label;
    return h("div", {
      role: "option",
      tabindex: place === this.at ? "0" : "-1",
      class: ["cell", row.status === "review" ? "doubtful" : null, changed ? "changed" : null, answer && !changed ? "accepted" : null].filter(Boolean).join(" "),
      "aria-selected": String(place === this.at),
      "aria-label": `${digitOrNone(label)}, ${row.confidence === null ? row.status : percent(row.confidence)}, ${row.name}`,
      title: `${row.name}${row.confidence === null ? "" : `, ${percent(row.confidence)}`}`,
      click: () => this.select(place),
    }, this.page.pictures.seen(row), changed ? h("b", { class: "mark" }, label === null ? "x" : String(label)) : answer ? h("b", { class: "mark" }, "✓") : null);
  }

  moveLine(by) {
    const line = this.lineOf(this.at);
    const start = this.starts[line + by];
    if (start === undefined) return;
    const end = this.starts[line + by + 1] ?? this.rows.length;
    this.select(Math.min(start + this.at - this.starts[line], end - 1));
  }
}
