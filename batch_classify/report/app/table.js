// All rows, sorted and filtered as the address says.

const LINE = 52; // px
const TWO_LINES = 84; // px, where a row needs two, see style.css
const TABLE_COLUMNS = [
  ["", "Picture", null],
  ["file", "File", (row) => row.file],
  ["label", "Label", (row) => row.label ?? 10],
  ["confidence", "Confidence", (row) => row.confidence ?? -1],
  ["second", "Runner-up", (row) => row.second ?? 10],
  ["status", "Status", (row) => row.status],
  ["reason", "Reason", (row) => row.reason ?? ""],
  ["yours", "Your answer", null],
];

class Table extends List {
  constructor(page) {
    super(page);
    this.fields = this.form();
    this.count = h("output", {});
    this.heads = h("div", { role: "row", class: "heads", "aria-rowindex": "1" });
    this.body = h("div", { role: "rowgroup" });
    this.grid = h("div", { role: "grid", "aria-label": "Rows", class: "grid" }, h("div", { role: "rowgroup" }, this.heads), this.body);
    byId("table").append(
      h("form", { id: "filters", autocomplete: "off", "aria-label": "Filter the rows", submit: (event) => event.preventDefault() },
        Object.values(this.fields).map(({ element }) => element),
        h("button", { type: "button", click: () => this.clear() }, "Clear"),
        h("button", { type: "button", click: () => this.review() }, "Review these"),
        this.count),
      this.grid, this.dock.element);
    this.lines = new Lines(this.body, LINE, (place) => this.drawRow(place));
  }

  form() {
    const some = (key) => [...new Set(this.page.rows.map((row) => row[key]).filter((value) => value !== null))].sort();
    const changed = () => {
      const values = Object.entries(this.fields).map(([key, { input }]) => [key, input.value.trim()]);
      this.page.view.set(Object.fromEntries(values));
      this.show();
    };
    const named = (words, input) => {
      input.setAttribute("aria-label", words);
      return { input, element: h("label", {}, h("span", {}, words), input) };
    };
    const choice = (words, options) => {
      const input = h("select", { input: changed }, h("option", { value: "" }, "all"),
        options.map(([value, text]) => h("option", { value }, text)));
      return named(words, input);
    };
    const field = (words, attributes) => {
      const input = h("input", { input: changed, ...attributes });
      return named(words, input);
    };
    const share = { type: "number", min: "0", max: "100", step: "any", inputmode: "decimal" };
    const suspects = this.page.rows.some((row) => row.suspect) ? [["suspect", "suspect"]] : [];
    return {
      status: choice("Status", [...some("status").map((status) => [status, status]), ...suspects]),
      reason: choice("Reason", some("reason").map((reason) => [reason, reasonWords(reason)])),
      label: choice("Label", [...Array.from({ length: 10 }, (_, digit) => [String(digit), String(digit)]), ["none", "none"]]),
      min: field("From %", share),
      max: field("To %", share),
      file: field("File name", { type: "search" }),
    };
  }

  get above() {
    return super.above + this.heads.offsetHeight;
  }

  show(row = null) {
    const { view } = this.page;
    for (const [key, { input }] of Object.entries(this.fields)) {
      if (input !== document.activeElement) input.value = view[key];
    }
    this.rows = this.page.rows.filter((other) => this.fits(other));
    const by = TABLE_COLUMNS.find(([key]) => key === view.sort)?.[2];
    if (by) {
      const sign = view.order === "down" ? -1 : 1;
      this.rows.sort((one, other) => {
        const [a, b] = [by(one), by(other)];
        return sign * (a < b ? -1 : a > b ? 1 : 0) || one.place - other.place;
      });
    }
    this.drawHeads();
    this.grid.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.count.textContent = this.rows.length
      ? `Showing ${number(this.rows.length)} of ${number(this.page.rows.length)}`
      : "Nothing matches these filters";
    this.at = Math.max(0, row ? this.rows.indexOf(row) : 0);
    this.lines.show(this.rows.length, matchMedia("(max-width: 60rem)").matches ? TWO_LINES : LINE);
    this.dock.show(this.current);
  }

  fits(row) {
    const { status, reason, label, min, max, file } = this.page.view;
    return (
      (!status || row.status === status || (status === "suspect" && Boolean(row.suspect))) &&
      (!reason || row.reason === reason) &&
      (!label || String(row.label ?? "none") === label) &&
      (!min || (row.confidence !== null && row.confidence * 100 >= Number(min))) &&
      (!max || (row.confidence !== null && row.confidence * 100 <= Number(max))) &&
      (!file || row.name.toLowerCase().includes(file.toLowerCase()))
    );
  }

  drawHeads() {
    const { sort, order } = this.page.view;
    this.heads.replaceChildren(...TABLE_COLUMNS.map(([key, words, by]) => {
      const direction = key === sort ? (order === "down" ? "descending" : "ascending") : null;
      return h("div", { role: "columnheader", class: `column-${key || "picture"}`, "aria-sort": by ? direction ?? "none" : null },
        by ? h("button", { type: "button", click: () => this.sortBy(key) }, words,
          h("span", { "aria-hidden": "true" }, direction ? (order === "down" ? " ↓" : " ↑") : "")) : words);
    }));
  }

  /** Sorts by a column, the other way round if it is sorted by it already. */
  sortBy(key) {
    const { sort, order } = this.page.view;
    this.page.view.set({ sort: key, order: sort === key && order === "up" ? "down" : "up" });
    this.show();
    this.heads.querySelector(`.column-${key} button`).focus();
  }

  clear() {
    const { status, reason, label, min, max, file, sort, order } = DEFAULTS;
    this.page.view.set({ status, reason, label, min, max, file, sort, order });
    this.show();
  }

  review() {
    this.page.review.queues.table.rows = this.rows;
    this.page.view.set({ queue: "table" });
    this.page.look("review");
  }

  drawRow(place) {
    const row = this.rows[place];
    const answer = this.page.answers.of(row);
    const cell = (key, ...content) => h("div", { role: "gridcell", class: `column-${key}` }, ...content);
    return h("div", {
      role: "row",
      class: `row ${row.status}`,
      tabindex: place === this.at ? "0" : "-1",
      "aria-rowindex": String(place + 2),
      "aria-selected": String(place === this.at),
      click: () => this.select(place),
      dblclick: () => this.page.open(row),
    },
      cell("picture", this.page.pictures.seen(row)),
      cell("file", h("bdi", { class: "file", dir: "ltr", title: row.name }, visible(row.file)), row.page === null ? "" : h("span", { class: "page" }, `page ${row.page}`)),
      cell("label", row.label === null ? "–" : String(row.label)),
      cell("confidence", row.confidence === null ? "" : percent(row.confidence)),
      cell("second", row.second === null ? "" : `${row.second} (${percent(row.secondConfidence)})`),
      cell("status", h("span", { class: "badge" }, row.status)),
      cell("reason", row.status === "ok" ? "" : row.why),
      cell("yours", answer ? (answer.label === null ? "not a digit" : String(answer.label)) : ""));
  }
}
