// A long list of which only the lines that the window shows are drawn, all of one height.

const OVERSCAN = 8; // lines above and below the window

class Lines {
  /** `draw` returns the element of a line; `height` is its height in px. */
  constructor(box, height, draw) {
    this.box = box;
    this.height = height;
    this.draw = draw;
    this.count = 0;
    this.drawn = new Map();
    this.waiting = false;
    box.classList.add("lines");
    const later = () => {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.update();
      });
    };
    window.addEventListener("scroll", later, { passive: true });
    window.addEventListener("resize", later);
  }

  /** Shows so many lines from now on, all drawn anew. */
  show(count, height = this.height) {
    this.count = count;
    this.height = height;
    this.drawn.forEach((line) => line.remove());
    this.drawn.clear();
    this.box.style.height = `${count * height}px`;
    this.update();
  }

  /** Draws a line anew, if it is drawn at all. */
  refresh(place) {
    const line = this.drawn.get(place);
    if (!line) return;
    const hadFocus = line.contains(document.activeElement);
    const fresh = this.placed(place);
    line.replaceWith(fresh);
    if (hadFocus) (fresh.matches("[tabindex]") ? fresh : fresh.querySelector("[tabindex='0']"))?.focus();
  }

  /** Scrolls as little as need be, so that a line is in view between the bars. */
  reveal(place, above, below) {
    const top = this.box.getBoundingClientRect().top + place * this.height;
    const over = above - top;
    const under = top + this.height - (window.innerHeight - below);
    if (over > 0) window.scrollBy(0, -over);
    else if (under > 0) window.scrollBy(0, under);
    this.update();
  }

  update() {
    const top = this.box.getBoundingClientRect().top;
    if (this.box.offsetParent === null) return;
    const first = Math.max(0, Math.floor(-top / this.height) - OVERSCAN);
    const last = Math.min(this.count, Math.ceil((window.innerHeight - top) / this.height) + OVERSCAN);
    for (const [place, line] of this.drawn) {
      if (place >= first && place < last) continue;
      line.remove();
      this.drawn.delete(place);
    }
    for (let place = first; place < last; place += 1) {
      if (this.drawn.has(place)) continue;
      const line = this.placed(place);
      // In the order of the list, for those who read or tab through it.
      const next = this.nextDrawn(place);
      this.box.insertBefore(line, next);
    }
  }

  nextDrawn(place) {
    let best = null;
    let bestPlace = Infinity;
    for (const [other, line] of this.drawn) {
      if (other > place && other < bestPlace) [best, bestPlace] = [line, other];
    }
    return best;
  }

  placed(place) {
    const line = this.draw(place);
    line.style.transform = `translateY(${place * this.height}px)`;
    line.style.height = `${this.height}px`;
    this.drawn.set(place, line);
    return line;
  }
}
