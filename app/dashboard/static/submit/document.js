// The document that the form writes: values at JSON pointers, and texts of inputs as values.

const partsOf = (pointer) => pointer.split("/").slice(1);

export function valueAt(document, pointer) {
  let at = document;
  for (const part of partsOf(pointer)) at = at?.[part];
  return at;
}

/** A copy with `value` at the pointer; undefined takes it away, with objects that it leaves empty. */
export function withValue(document, pointer, value) {
  const [part, ...rest] = partsOf(pointer);
  const copy = { ...document };
  const own = rest.length ? withValue(copy[part] ?? {}, `/${rest.join("/")}`, value) : value;
  const isEmpty = own === undefined || (rest.length > 0 && Object.keys(own).length === 0);
  if (isEmpty) delete copy[part];
  else copy[part] = own;
  return copy;
}

/** What an input's text stands for. What is no such value stays a text, for the service to refuse. */
export function valueOf(text, kind) {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (kind === "boolean") return trimmed === "true";
  if (kind === "integers") return trimmed.split(/[\s,]+/).filter(Boolean).map((one) => valueOf(one, "integer"));
  if (kind === "integer" || kind === "number") {
    const number = Number(trimmed.replaceAll("_", ""));
    return Number.isFinite(number) ? number : trimmed;
  }
  if (kind === "range" || kind === "whole_range") return distributionOf(trimmed, kind === "whole_range");
  return text;
}

const NUMBER = "[-+]?(?:[0-9][0-9_]*\\.?[0-9]*|\\.[0-9]+)(?:[eE][-+]?[0-9]+)?";
const RANGE = new RegExp(`^(${NUMBER})\\s*(?:to|\\.\\.|[–…])\\s*(${NUMBER})(\\s+log)?$`);
const VALUES = new RegExp(`^${NUMBER}(?:[\\s,]+${NUMBER})*,?$`);

/** `0 to 0.1`, `0.01 to 1 log`, `0.1, 0.2`; the distribution's own JSON is one too. */
function distributionOf(text, isWhole) {
  const number = (digits) => Number(digits.replaceAll("_", ""));
  const range = RANGE.exec(text);
  if (range) {
    const [low, high] = [number(range[1]), number(range[2])];
    return { type: isWhole ? "int" : "float", low, high, ...(range[3] && { log: true }) };
  }
  if (VALUES.test(text)) {
    return { type: "categorical", choices: text.split(/[\s,]+/).filter(Boolean).map(number) };
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function textOfDistribution(value) {
  const { type, low, high, log, choices, step } = value;
  const isStepped = type === "int" ? (step ?? 1) !== 1 : Boolean(step);
  if (type === "categorical" && Array.isArray(choices)) return choices.join(", ");
  if (typeof low !== "number" || typeof high !== "number" || isStepped) return JSON.stringify(value);
  return `${low} to ${high}${log ? " log" : ""}`;
}

export function textOf(value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "object" && !Array.isArray(value)) return textOfDistribution(value);
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** The request as a command for a shell. */
export function curlOf(text, needsKey) {
  const quoted = text.replaceAll("'", "'\\''");
  const key = needsKey ? ["     -H \"Authorization: Bearer $WIDTHWISE_API_KEY\" \\"] : [];
  return [
    `curl -X POST ${location.origin}/v1/studies \\`,
    "     -H 'Content-Type: application/json' \\",
    ...key,
    `     -d '${quoted}'`,
  ].join("\n");
}
