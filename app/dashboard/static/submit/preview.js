// What a study would run, or what keeps it from running: beside the form, and at its fields.

import { textOf, valueAt } from "./document.js";

const at = (id) => document.getElementById(id);
const element = (name, fields) => Object.assign(document.createElement(name), fields);

export function showPreview(found) {
  showProblems([]);
  for (const place of document.querySelectorAll("[data-word]")) {
    place.textContent = found.words[place.dataset.word];
  }
  document.querySelector("[data-word=time]").title = found.time?.words ?? "";
  document.querySelector("[data-word=interval]").title = found.interval?.words ?? "";
  at("planned").replaceChildren(...found.planned.map(row));
  const abstains = found.abstains.map((reason) => `The answer will abstain: ${reason}`);
  at("notes").replaceChildren(...[...abstains, ...found.notes].map((note) => element("li", { textContent: note })));
  const usual = found.spec.optimizers.map((one) => one.name).join(", ");
  at("optimizers-default").textContent = document.querySelector("[name=optimizer]:checked") ? "" : `None chosen: ${usual}`;
  at("preview").hidden = false;
  for (const control of document.querySelectorAll("[data-pointer]:not(:disabled)")) {
    const filled = textOf(valueAt(found.spec, control.dataset.pointer));
    if (control.matches("input[data-kind]") && filled) control.placeholder = filled;
    const unset = control.matches("select") && control.value === "" && control.querySelector("[data-default]");
    if (unset && filled) unset.textContent = `${filled} (default)`;
  }
}

/** Each problem of a refusal at its field; those that no field stands for, in a list. */
export function showProblems(errors) {
  for (const place of document.querySelectorAll(".problem")) place.textContent = "";
  for (const control of document.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  const elsewhere = errors.filter(({ pointer, detail }) => {
    const control = controlOf(pointer);
    if (!control) return true;
    if (!control.matches("div")) control.setAttribute("aria-invalid", "true");
    const folded = control.closest("details");
    if (folded) folded.open = true;
    const place = at(`${control.id}-problem`);
    place.textContent = place.textContent ? `${place.textContent}; ${detail}` : detail;
    return false;
  });
  const items = elsewhere.map(({ pointer, detail }) => element("li", { textContent: `${pointer}: ${detail}` }));
  at("problems").replaceChildren(...items);
  at("problems").hidden = elsewhere.length === 0;
}

/** The control of a pointer, or of what it lies in: `/measure/widths/2` is in `/measure/widths`. */
function controlOf(pointer) {
  for (let way = pointer; way; way = way.slice(0, way.lastIndexOf("/"))) {
    const found = document.querySelector(`[data-pointer="${CSS.escape(way)}"]:not(:disabled)`);
    if (found) return found;
  }
  return null;
}

function row({ purpose, width, trials, steps, parameters }) {
  const made = document.createElement("tr");
  const numbers = [width, trials, steps, parameters].map((number) => number?.toLocaleString("en") ?? "not known");
  const title = element("th", { scope: "row", textContent: purpose });
  made.append(title, ...numbers.map((textContent) => element("td", { className: "n", textContent })));
  return made;
}
