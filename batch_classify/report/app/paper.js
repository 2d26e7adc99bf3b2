// What is printed: the rows that are looked at, as cards, up to a number that paper is good for.

const MOST_ON_PAPER = 400;

class Paper {
  constructor(page) {
    this.page = page;
    this.element = byId("paper");
    window.addEventListener("beforeprint", () => this.fill());
    window.addEventListener("afterprint", () => this.element.replaceChildren());
  }

  /** Prints once every picture is decoded. */
  async print() {
    await Promise.all(this.fill());
    window.print();
  }

  /** Lays out the cards anew, and returns what fills their pictures. */
  fill() {
    const rows = this.page.modes[this.page.view.mode].rows;
    const shown = rows.slice(0, MOST_ON_PAPER);
    const cards = shown.map((row) => {
      const answer = this.page.answers.of(row);
      return h("li", { class: `card ${row.status}` },
        h("div", { class: "pictures" }, this.page.pictures.scan(row), this.page.pictures.seen(row)),
        h("div", { class: "words" }, verdict(row, answer)));
    });
    this.element.replaceChildren(
      h("p", { class: "note" }, shown.length < rows.length
        ? `The first ${number(shown.length)} of ${number(rows.length)} rows.` : plural(rows.length, "row", "rows")),
      h("ol", { class: "cards", role: "list" }, cards));
    return [...this.element.querySelectorAll("canvas")].map((canvas) => canvas.drawn);
  }
}
