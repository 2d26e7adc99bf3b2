// The bar at the foot of the window about the chosen scan, with the buttons that answer.

class Dock {
  constructor(page) {
    this.page = page;
    this.pad = new Pad(page.act);
    this.about = h("div", { class: "about" });
    this.element = h("div", { class: "dock", role: "region", "aria-label": "The chosen scan" }, this.about, this.pad.element);
  }

  show(row) {
    this.element.hidden = !row;
    if (!row) return;
    const answer = this.page.answers.of(row);
    this.pad.show(row, answer);
    this.about.replaceChildren(
      row.scan < 0 ? "" : this.page.pictures.scan(row, "The scan"),
      this.page.pictures.seen(row, "What the model saw"),
      h("p", {},
        h("b", {}, row.label === null ? "no digit" : `${row.label}`), row.confidence === null ? "" : ` ${percent(row.confidence)}`,
        row.second === null ? "" : ` or ${row.second}`,
        answer ? h("span", { class: "human" }, " · you said ", h("b", {}, answer.label === null ? "not a digit" : String(answer.label))) : "",
        h("bdi", { class: "file", dir: "ltr" }, row.name),
        h("button", { type: "button", class: "link", click: () => this.page.open(row) }, "Review it")));
  }
}
