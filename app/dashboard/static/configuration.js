// The recommendation in every form that the service exports, to read and to copy; and storing it.

import { copy } from "./copying.js";
import { post } from "./posting.js";
import { problemOf } from "./problems.js";

const BUNDLE = "application/vnd.widthwise.files+json";
const at = (id) => document.getElementById(id);

export async function showConfiguration(studyId) {
  const form = at("export");
  if (!form) return;
  const asked = new URLSearchParams(location.search).get("format");
  if (asked) form.value = asked;
  let texts = [];
  const show = async () => {
    const path = `/v1/studies/${studyId}/recommendation?format=${form.value}`;
    at("download").href = path;
    at("export-words").textContent = form.selectedOptions[0]?.dataset.words ?? "";
    const response = await fetch(path, { headers: { Accept: BUNDLE } }).catch(() => null);
    if (!response?.ok) {
      texts = [];
      at("export-files").replaceChildren();
      at("export-lost").replaceChildren(paragraph(await problemOf(response), "trouble"));
      return;
    }
    const { files, inexpressible } = await response.json();
    texts = Object.values(files);
    at("export-lost").replaceChildren(
      ...inexpressible.map((one) => paragraph(`⚠ ${one.what}: ${one.consequence}`, "lost")),
    );
    at("export-files").replaceChildren(...Object.entries(files).flatMap(shownFile));
    at("export-files").dataset.form = form.value;
  };
  form.addEventListener("change", () => {
    history.replaceState(null, "", `${location.pathname}?format=${form.value}`);
    at("copied").textContent = "";
    show();
  });
  at("copy").addEventListener("click", async () => {
    const done = await copy(texts.join("\n"));
    at("copied").textContent = done ? "Copied." : "Not copied: select the text below instead.";
  });
  at("store")?.addEventListener("click", () => store(studyId));
  await show();
}

async function store(studyId) {
  const response = await post(`/v1/studies/${studyId}/recommendations`, {});
  if (response?.ok) location.href = `/recommendations/${(await response.json()).id}`;
  else at("store-problem").textContent = await problemOf(response);
}

function shownFile([name, text]) {
  const title = Object.assign(document.createElement("h3"), { textContent: name });
  const body = Object.assign(document.createElement("pre"), { textContent: text, tabIndex: 0 });
  body.setAttribute("role", "group");
  body.setAttribute("aria-label", name);
  return [title, body];
}

function paragraph(text, className) {
  return Object.assign(document.createElement("p"), { textContent: text, className });
}
