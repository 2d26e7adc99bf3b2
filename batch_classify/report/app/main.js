// Ties it together: the modes, the keys, the bar at the top.

const KEYS = new Map([
  ["ArrowRight", "next"], ["j", "next"], ["ArrowLeft", "previous"], ["k", "previous"],
  ["ArrowDown", "down"], ["ArrowUp", "up"],
  ["Enter", "accept"], ["x", "none"], ["u", "undo"], ["?", "help"],
  ...Array.from({ length: 10 }, (_, digit) => [String(digit), String(digit)]),
]);
const OWN_KEYS = "input:not([type=checkbox]), select, textarea, dialog"; // where a key means something else
const OWN_ENTER = "button, a, summary, label"; // what Enter presses

class Page {
  constructor() {
    this.act = this.act.bind(this);
    this.rows = readRows();
    this.toReview = this.rows.filter((row) => row.needsHuman && row.answerable);
    this.pictures = new Pictures();
    this.answers = new Answers(() => this.drawBar());
    this.view = new View(() => this.look(this.view.mode));
    byId("bar").hidden = false;
    byId("unscripted").remove();
    this.review = new Review(this);
    this.contact = new Contact(this);
    this.table = new Table(this);
    this.modes = { review: this.review, contact: this.contact, table: this.table };
    this.paper = new Paper(this);
    this.listen();
    const isShared = location.hash.length > 1;
    this.look(this.view.mode);
    if (isShared) this.scrollToScans();
    this.drawBar();
    if (!this.answers.isKept) this.warn();
  }

  get mode() {
    return this.modes[this.view.mode];
  }

  /** How much of the window's top the bar covers, in px. */
  get above() {
    return byId("bar").offsetHeight;
  }

  listen() {
    document.addEventListener("keydown", (event) => this.key(event));
    // A button that was clicked lets go of the focus: else Enter would press it again instead of accepting.
    document.addEventListener("click", (event) => event.detail > 0 && event.target.closest("button")?.blur());
    window.addEventListener("beforeunload", (event) => {
      if (this.answers.unexported) event.preventDefault();
    });
    for (const button of document.querySelectorAll("[data-mode]")) {
      button.addEventListener("click", () => {
        this.look(button.dataset.mode);
        this.scrollToScans();
      });
    }
    byId("export").addEventListener("click", () => this.export());
    byId("load").addEventListener("change", (event) => this.load(event.target));
    byId("print").addEventListener("click", () => this.paper.print());
    byId("help").addEventListener("click", () => byId("keys").showModal());
    byId("close").addEventListener("click", () => byId("keys").close());
    new ResizeObserver(() => document.documentElement.style.setProperty("--bar", `${this.above}px`)).observe(byId("bar"));
  }

  key(event) {
    const action = KEYS.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!action || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest(OWN_KEYS)) return;
    if (event.key === "Enter" && event.target.closest(OWN_ENTER)) return;
    if (action !== "help" && !byId("keys-on").checked) return;
    event.preventDefault();
    this.act(action);
  }

  /** Does what a key or a button says. */
  act(action) {
    if (action === "help") return byId("keys").showModal();
    if (this.view.mode === "review") this.scrollToScans();
    if (action === "next") return this.mode.move(1);
    if (action === "previous") return this.mode.move(-1);
    if (action === "down") return this.mode.moveLine(1);
    if (action === "up") return this.mode.moveLine(-1);
    if (action === "undo") return this.undo();
    const row = this.mode.current;
    if (!row?.answerable) return this.say(row ? "This file could not be opened: there is nothing to answer about" : "Nothing to answer");
    if (action === "accept" && !canAccept(row)) return this.say("There is no answer to accept: press its digit, or x");
    const label = action === "accept" ? row.label : action === "none" ? null : Number(action);
    this.answers.give(row, label);
    this.mode.answered(row, label === null ? "Not a digit" : label === row.label ? `Accepted ${label}` : `Changed to ${label}`);
  }

  undo() {
    const row = this.answers.undo(this.mode.current);
    if (!row) return this.say("Nothing to undo");
    this.mode.reveal(row);
    this.say(`Undone: ${row.name}`);
  }

  /** Changes to a mode, at the row that is looked at or at `row`. */
  look(mode, row) {
    this.view.set({ mode });
    for (const name of MODES) byId(name).hidden = name !== mode;
    for (const button of document.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
    this.mode.show(row);
  }

  /** Looks at one row in review. */
  open(row) {
    if (!this.review.rows.includes(row)) this.view.set({ queue: "all" });
    this.look("review", row);
    this.scrollToScans();
  }

  scrollToScans() {
    const top = byId("scans").getBoundingClientRect().top - this.above;
    if (top > 0) window.scrollBy(0, top);
  }

  drawBar() {
    const done = this.toReview.filter((row) => this.answers.of(row)).length;
    byId("progress").textContent = this.toReview.length
      ? `${number(done)} of ${number(this.toReview.length)} reviewed`
      : "nothing to review";
    byId("progress-bar").max = this.toReview.length || 1;
    byId("progress-bar").value = this.toReview.length ? done : 1;
    byId("export").disabled = this.answers.records.size === 0;
    byId("export").classList.toggle("due", this.answers.unexported);
    if (!this.answers.isKept && this.answers.unexported) this.warn();
  }

  warn() {
    this.say("This browser keeps no answers for this page: export them before you close it");
  }

  say(words) {
    byId("says").textContent = words;
  }

  export() {
    const file = new Blob([toCsv(this.answers.list())], { type: "text/csv" });
    const address = URL.createObjectURL(file);
    h("a", { href: address, download: "corrections.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    this.answers.exported();
    this.say(`Exported ${plural(this.answers.records.size, "answer", "answers")} to corrections.csv`);
  }

  async load(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    try {
      const records = fromCsv(await file.text());
      const known = new Set(this.rows.map((row) => row.picture));
      const others = records.filter((record) => !known.has(pictureOf(record))).length;
      const taken = this.answers.add(records);
      this.look(this.view.mode);
      this.say(`Loaded ${plural(records.length, "answer", "answers")}, ${number(taken)} of them new` +
        (others ? `; ${number(others)} about scans that are not on this page` : ""));
    } catch (error) {
      this.say(`Nothing was loaded from ${visible(file.name)}: ${error.message}`);
    }
  }
}

new Page();
