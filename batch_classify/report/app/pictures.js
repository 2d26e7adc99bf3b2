// The pictures of the page: what the model saw in sheets of many, the scans one by one. Decoded when needed.

const SIDE = 28;
const SHEETS_KEPT = 48; // decoded; one takes 0.8 MB
const SCANS_KEPT = 8; // blocks of 64

/** Remembers the values used last. */
class Recent {
  constructor(most, make) {
    this.most = most;
    this.make = make;
    this.values = new Map();
  }

  get(key) {
    const value = this.values.get(key) ?? this.make(key);
    this.values.delete(key);
    this.values.set(key, value);
    if (this.values.size > this.most) this.values.delete(this.values.keys().next().value);
    return value;
  }
}

class Pictures {
  constructor() {
    this.sheetBlocks = [...document.querySelectorAll("script[data-kind=sheet]")];
    this.scanBlocks = [...document.querySelectorAll("script[data-kind=scans]")];
    this.sheets = new Recent(SHEETS_KEPT, (place) => this.decode(this.sheetBlocks[place].textContent));
    this.scans = new Recent(SCANS_KEPT, (place) => JSON.parse(this.scanBlocks[place].textContent));
    this.perBlock = 64;
    this.perSheet = facts.columns ** 2;
  }

  async decode(text) {
    const image = new Image();
    image.src = "data:image/png;base64," + text;
    await image.decode();
    return image;
  }

  /** Returns what the model saw as an element; it fills when its sheet is decoded. */
  seen(row, alternative = "") {
    if (row.seen < 0) return h("span", { class: "picture none" }, "no picture");
    const named = alternative ? { role: "img", "aria-label": alternative } : { "aria-hidden": "true" };
    const canvas = h("canvas", { class: "picture seen", width: SIDE, height: SIDE, ...named });
    canvas.drawn = this.draw(canvas, row.seen);
    return canvas;
  }

  async draw(canvas, place) {
    const sheet = await this.sheets.get(Math.floor(place / this.perSheet));
    const cell = place % this.perSheet;
    const x = (cell % facts.columns) * SIDE;
    const y = Math.floor(cell / facts.columns) * SIDE;
    canvas.getContext("2d").drawImage(sheet, x, y, SIDE, SIDE, 0, 0, SIDE, SIDE);
  }

  /** Returns the scan as an element. */
  scan(row, alternative = "") {
    if (row.scan < 0) return h("span", { class: "picture none" }, row.seen < 0 ? "no picture" : "no scan here");
    const text = this.scans.get(Math.floor(row.scan / this.perBlock))[row.scan % this.perBlock];
    return h("img", { class: "picture scan", alt: alternative, src: "data:image/jpeg;base64," + text });
  }
}
