// Values as a person reads them.

// Control characters and those that turn the direction of writing: shown, never obeyed; see page.py.
const UNSEEN = /[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const ESCAPES = new Map([["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"]]);

function visible(text) {
  return text.replace(UNSEEN, (unseen) => {
    const code = unseen.charCodeAt(0).toString(16);
    return ESCAPES.get(unseen) ?? (code.length > 2 ? "\\u" + code.padStart(4, "0") : "\\x" + code.padStart(2, "0"));
  });
}

/** A probability; no model is ever 100% sure. */
function percent(share) {
  if (share >= 0.9995) return ">99.9%";
  return share < 0.0005 ? "<0.1%" : (100 * share).toFixed(1) + "%";
}

function number(count) {
  return count.toLocaleString("en");
}

function plural(count, one, many) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** A label: a digit, or null for none. */
function digitOrNone(label) {
  return label === null ? "no digit" : String(label);
}

function reasonWords(reason) {
  if (reason === null) return "";
  return facts.reasons[reason] ?? reason.replaceAll("_", " ");
}
