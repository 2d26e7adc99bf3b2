// What of the page is looked at, in the address after the `#`, so that a view can be shared.

const MODES = ["review", "contact", "table"];
const DEFAULTS = {
  mode: "review",
  queue: "todo",
  digit: "all",
  status: "",
  reason: "",
  label: "",
  min: "",
  max: "",
  file: "",
  sort: "urgency",
  order: "up",
};

class View {
  /** `changed` is called when the address changes, as by a link or the button Back. */
  constructor(changed) {
    this.read();
    window.addEventListener("hashchange", () => {
      this.read();
      changed();
    });
  }

  read() {
    const found = new URLSearchParams(location.hash.slice(1));
    for (const [key, standard] of Object.entries(DEFAULTS)) this[key] = found.get(key) ?? standard;
    if (!MODES.includes(this.mode)) this.mode = DEFAULTS.mode;
  }

  /** Changes some values, and the address with them; what stands at its default is left out. */
  set(values) {
    Object.assign(this, values);
    const named = Object.keys(DEFAULTS).filter((key) => this[key] !== DEFAULTS[key]);
    const hash = new URLSearchParams(named.map((key) => [key, this[key]])).toString();
    history.replaceState(null, "", "#" + hash);
  }
}
