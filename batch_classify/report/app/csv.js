// corrections.csv: file, page, sha256, predicted_label, label, reviewed_at.

const COLUMNS = ["file", "page", "sha256", "predicted_label", "label", "reviewed_at"];
const NEEDED = ["file", "page", "sha256", "label"];

function toCsv(records) {
  const cell = (value) => {
    const text = value === null ? "" : String(value);
    return /[,"\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const lines = records.map((record) => COLUMNS.map((column) => cell(record[column])).join(","));
  return [COLUMNS.join(","), ...lines].join("\n") + "\n";
}

/** Reads a corrections.csv; throws an Error that names the line. */
function fromCsv(text) {
  const [header, ...lines] = csvLines(text.replace(/^\ufeff/, ""));
  const names = header?.cells ?? [];
  const missing = NEEDED.filter((column) => !names.includes(column));
  if (missing.length) throw new Error(`it has no column ${missing.join(", ")}`);
  const known = new Map();
  for (const { line, cells } of lines) {
    const value = (column) => cells[names.indexOf(column)] ?? "";
    const [label, page, predicted] = [value("label"), value("page"), value("predicted_label")];
    if (!value("file") || !/^[0-9]?$/.test(label) || !/^[0-9]*$/.test(page)) {
      throw new Error(`line ${line} makes no sense: a label is one digit or empty, a page a number`);
    }
    const record = {
      file: value("file"),
      page: page === "" ? null : Number(page),
      sha256: value("sha256"),
      predicted_label: /^[0-9]$/.test(predicted) ? Number(predicted) : null,
      label: label === "" ? null : Number(label),
      reviewed_at: value("reviewed_at"),
    };
    const picture = `${record.sha256} ${record.page ?? ""}`;
    const first = known.get(picture);
    if (first && first.record.label !== record.label) {
      throw new Error(`lines ${first.line} and ${line} give the same picture different labels`);
    }
    if (!first) known.set(picture, { line, record });
  }
  return [...known.values()].map(({ record }) => record);
}

/** Splits into lines of cells, each with the number of its last line in the file; empty ones are left out. */
function csvLines(text) {
  const lines = [];
  let cells = [];
  let cell = "";
  let quoted = false;
  let line = 1;
  const endLine = () => {
    cells.push(cell);
    if (cells.length > 1 || cell !== "") lines.push({ line, cells });
    cells = [];
    cell = "";
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '"' && text[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (character === '"' && (quoted || cell === "")) {
      quoted = !quoted;
    } else if (!quoted && character === ",") {
      cells.push(cell);
      cell = "";
    } else if (!quoted && (character === "\n" || character === "\r")) {
      if (character === "\r" && text[at + 1] === "\n") at += 1;
      endLine();
      line += 1;
    } else {
      cell += character;
      if (character === "\n") line += 1;
    }
  }
  if (quoted) throw new Error("a quote is never closed");
  endLine();
  return lines;
}
