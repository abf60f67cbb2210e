// Rows as comma-separated values (RFC 4180), in parts that are joined once: tables can be long.

const ROWS_A_PART = 5_000;

/** @param columns names, where rows are arrays; rows that are objects bring theirs. */
export function* csvParts(rows, columns) {
  let names = columns;
  let lines = names ? [line(names)] : [];
  for (const row of rows) {
    if (!names) lines.push(line((names = Object.keys(row))));
    lines.push(line(Array.isArray(row) ? row : names.map((name) => row[name])));
    if (lines.length >= ROWS_A_PART) {
      yield lines.join("");
      lines = [];
    }
  }
  yield lines.join("");
}

const line = (cells) => `${cells.map(cell).join(",")}\r\n`;

function cell(value) {
  if (value === null || value === undefined) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
