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
  return text;
}

export function textOf(value) {
  if (value === undefined || value === null) return "";
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
