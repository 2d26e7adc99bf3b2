// The buttons that answer, for those without keys: ten digits, the answer as it is, no digit, undo.

class Pad {
  /** `act` takes the same words as the keys: "0" to "9", "accept", "none", "undo". */
  constructor(act) {
    const button = (action, text, words, key) =>
      h("button", { type: "button", class: `answer-${action}`, click: () => act(action), title: words }, text,
        key ? h("kbd", { "aria-hidden": "true" }, key) : null);
    this.digits = Array.from({ length: 10 }, (_, digit) =>
      h("button", { type: "button", click: () => act(String(digit)), "aria-pressed": "false" }, String(digit)));
    this.accept = button("accept", "Accept", "The answer is right as it is", "↵");
    this.none = button("none", "Not a digit", "There is no single digit", "x");
    this.undo = button("undo", "Undo", "Take the last answer back", "u");
    this.element = h("div", { class: "pad" },
      h("div", { class: "digits", role: "group", "aria-label": "It is this digit" }, this.digits),
      h("div", { class: "others" }, this.accept, this.none, this.undo));
  }

  /** Shows what the model said of a row and what the human did. */
  show(row, answer) {
    this.digits.forEach((button, digit) => {
      button.classList.toggle("said", row?.label === digit);
      button.setAttribute("aria-pressed", String(answer?.label === digit));
      button.disabled = !row?.answerable;
    });
    this.none.setAttribute("aria-pressed", String(Boolean(answer) && answer.label === null));
    this.none.disabled = !row?.answerable;
    this.accept.disabled = !row || !canAccept(row);
    this.accept.firstChild.textContent =
      !row || !canAccept(row) ? "Accept" : row.label === null ? "Accept: no digit" : `Accept ${row.label}`;
  }
}

/** Whether there is anything that could be right as it is. */
function canAccept(row) {
  return row.answerable && (row.label !== null || row.status === "rejected" || row.status === "reviewed");
}
