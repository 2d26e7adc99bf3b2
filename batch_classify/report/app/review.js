// One scan after the other, hardest first: the scan large, what the model saw, its answer and the human's.

const STRIP = 15; // scans in the strip below

class Review extends Mode {
  constructor(page) {
    super(page);
    this.queues = {
      todo: { words: "Needs a look", rows: page.rows.filter((row) => row.needsHuman) },
      suspect: { words: "Suspect answers", rows: page.rows.filter((row) => row.suspect) },
      all: { words: "All, least sure first", rows: page.rows.filter((row) => row.answerable).sort(leastSure) },
      table: { words: "As filtered in the table", rows: [] },
    };
    this.pad = new Pad(page.act);
    this.choices = h("div", { class: "choices", role: "group", "aria-label": "Which scans" });
    this.place = h("p", { class: "place" });
    this.pictures = h("div", { class: "large" });
    this.answer = h("div", { class: "verdict" });
    this.strip = h("ol", { class: "strip", role: "list", "aria-label": "Scans nearby" });
    const step = (by, text, words) =>
      h("button", { type: "button", class: "step", click: () => page.act(by), "aria-label": words, title: words }, text);
    byId("review").append(
      h("div", { class: "head" }, this.choices,
        h("div", { class: "steps" }, step("previous", "←", "The scan before"), this.place, step("next", "→", "The next scan"))),
      h("div", { class: "desk panel" }, this.pictures,
        h("div", { class: "side" }, this.answer, this.pad.element)),
      this.strip);
  }

  get rows() {
    return this.queues[this.page.view.queue]?.rows ?? this.queues.todo.rows;
  }

  /** Looks at a queue from the first scan without an answer on, or from `row` on. */
  show(row) {
    if (!this.queues[this.page.view.queue]) this.page.view.set({ queue: "todo" });
    const wanted = row ? this.rows.indexOf(row) : this.rows.findIndex((other) => this.isOpen(other));
    this.at = Math.max(0, wanted);
    const { queue } = this.page.view;
    this.choices.replaceChildren(...Object.entries(this.queues)
      .filter(([name, { rows }]) => rows.length || name === "todo")
      .map(([name, { words, rows }]) =>
        h("button", {
          type: "button",
          "aria-pressed": String(name === queue),
          click: () => {
            this.page.view.set({ queue: name });
            this.show();
          },
        }, `${words} (${number(rows.length)})`)));
    this.refresh();
  }

  isOpen(row) {
    return row.answerable && !this.page.answers.of(row);
  }

  select(place) {
    super.select(place);
    this.refresh();
  }

  move(by) {
    super.move(by);
    this.page.say(this.inWords());
  }

  /** Goes to the next scan that waits for an answer, from the top again if need be. */
  answered(row, words) {
    const order = [...this.rows.keys()];
    const ahead = [...order.slice(this.at + 1), ...order.slice(0, this.at + 1)];
    const next = ahead.find((place) => this.isOpen(this.rows[place]));
    if (next !== undefined) this.at = next;
    this.refresh();
    this.page.say(next === undefined ? `${words}. That was the last one` : `${words}. Next: ${this.inWords()}`);
  }

  inWords() {
    const row = this.current;
    if (!row) return "nothing here";
    const sure = row.confidence === null ? "" : `, ${percent(row.confidence)}`;
    return `${digitOrNone(row.label)}${sure}, ${row.why}, ${row.name}`;
  }

  refresh() {
    const row = this.current;
    const answer = row && this.page.answers.of(row);
    this.place.textContent = row ? `${number(this.at + 1)} of ${number(this.rows.length)}` : "none";
    this.pad.show(row, answer);
    this.pad.element.hidden = !row;
    if (!row) {
      this.pictures.replaceChildren(h("p", { class: "done" }, "Nothing here needs a look. The contact sheet shows what was read as which digit."));
      this.answer.replaceChildren();
      this.strip.replaceChildren();
      return;
    }
    const size = row.width === null ? "" : `, ${number(row.width)} × ${number(row.height)} px`;
    this.pictures.replaceChildren(
      h("figure", {}, this.page.pictures.scan(row, `Scan ${row.name}`), h("figcaption", {}, `The scan${size}`)),
      h("figure", {}, this.page.pictures.seen(row, "What the model saw"), h("figcaption", {}, "What the model saw, 28 × 28")));
    this.answer.replaceChildren(...verdict(row, answer));
    this.drawStrip();
  }

  drawStrip() {
    const first = Math.max(0, Math.min(this.at - Math.floor(STRIP / 2), this.rows.length - STRIP));
    const near = this.rows.slice(first, first + STRIP);
    this.strip.replaceChildren(...near.map((row, offset) => {
      const answer = this.page.answers.of(row);
      return h("li", {}, h("button", {
        type: "button",
        class: answer ? "answered" : null,
        "aria-current": first + offset === this.at ? "true" : null,
        "aria-label": `${row.name}, ${answer ? `answered ${digitOrNone(answer.label)}` : digitOrNone(row.label)}`,
        click: () => this.select(first + offset),
      }, this.page.pictures.seen(row), h("span", {}, answer ? `✓ ${answer.label ?? "–"}` : String(row.label ?? "–"))));
    }));
  }
}

/** What the model said of a row, why it waits, what a human said, and where it comes from. */
function verdict(row, answer) {
  const said = row.status === "reviewed" && row.said !== null ? [row.said, row.saidConfidence] : [row.label, row.confidence];
  return [
    h("p", { class: "answer" },
      said[0] === null
        ? h("b", { class: "label" }, h("span", { "aria-hidden": "true" }, "–"), h("span", { class: "aside" }, "no digit"))
        : h("b", { class: "label" }, String(said[0])),
      h("span", { class: "shares" },
        said[1] === null ? null : h("span", { class: "confidence" }, percent(said[1])),
        row.second === null ? null : h("span", { class: "second" }, `or ${row.second}: ${percent(row.secondConfidence)}`))),
    h("p", { class: `why ${row.status}` },
      h("span", { class: "badge" }, row.status), " ",
      h("span", { class: "reason" }, row.suspect ? `A human said ${digitOrNone(row.label)}; the model is all but sure of ${row.said}` : row.why),
      row.detail ? h("bdi", { class: "detail" }, visible(row.detail)) : null,
      row.answerable ? null : h("span", { class: "detail" }, "It could not be opened, so there is nothing to answer about. Mend the file and run again.")),
    h("p", { class: "human" }, answer ? ["You said ", h("b", {}, answer.label === null ? "not a digit" : String(answer.label))]
      : row.status === "reviewed" ? ["A human said ", h("b", {}, digitOrNone(row.label))] : "No answer yet"),
    h("p", { class: "where" }, h("bdi", { class: "file", dir: "ltr" }, visible(row.file)),
      row.page === null ? null : h("span", { class: "page" }, ` page ${row.page}`)),
  ];
}
