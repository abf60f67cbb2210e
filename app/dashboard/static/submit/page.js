// The form of a new study. There is one document: inputs write into it, its own text can be edited,
// and after every change the service says what it would run or what is wrong with it.

import { copy } from "../copying.js";
import { hasSession, post } from "../posting.js";
import { problemOf } from "../problems.js";
import { curlOf, textOf, valueAt, valueOf, withValue } from "./document.js";
import { showPreview, showProblems } from "./preview.js";

const ASK_AFTER_MS = 250;
const EXAMPLE = { family: { name: "gpt" }, target: { width: 1024 } };

const at = (id) => document.getElementById(id);
const form = at("submission");
const source = at("document");
const root = document.querySelector("main");
let spec = EXAMPLE;
let [turn, due, key] = [0, null, ""];

function write(next) {
  spec = next;
  source.value = JSON.stringify(spec, null, 2);
  changed();
}

function changed() {
  at("document-problem").textContent = at("refused").textContent = at("copied").textContent = "";
  key = "";
  history.replaceState(null, "", `${location.pathname}#${encodeURIComponent(JSON.stringify(spec))}`);
  showOptions("family", spec.family?.name);
  showOptions("dataset", spec.dataset?.name);
  showSearched();
  clearTimeout(due);
  due = setTimeout(ask, ASK_AFTER_MS);
}

/** The inputs of the family or the data that is chosen; those of the others are out of the way. */
function showOptions(what, name) {
  for (const own of form.querySelectorAll(`[data-of="${what}"]`)) {
    own.hidden = own.querySelector("fieldset").disabled = own.dataset.option !== name;
  }
  const chosen = [...at(what).options].find((one) => one.value === (name ?? ""));
  at(`${what}-words`).textContent = chosen?.dataset.words ?? "";
  if (what !== "family") return;
  const fitting = (chosen?.dataset.datasets ?? "").split(" ");
  for (const one of at("dataset").options) one.hidden = one.value !== "" && !fitting.includes(one.value);
}

/** Numbers of the shapes that are searched; all of it unfolded once anything is. */
function showSearched() {
  const searched = spec.search?.training;
  if (searched) at("searched-training").open = true;
  const shapes = [spec.training?.schedule?.shape, ...searchedShapes()];
  for (const own of form.querySelectorAll("[data-shapes]")) {
    own.hidden = !own.dataset.shapes.split(" ").some((shape) => shapes.includes(shape));
  }
}

function searchedShapes() {
  const choices = spec.search?.training?.shape?.choices;
  return Array.isArray(choices) ? choices : [];
}

function fill() {
  for (const control of form.querySelectorAll("[data-kind]")) {
    const text = textOf(valueAt(spec, control.dataset.pointer));
    if (control !== document.activeElement || control.matches("select")) control.value = text;
  }
  const optimizers = spec.optimizers ?? [];
  const names = Array.isArray(optimizers) ? optimizers.map((one) => one?.name) : [];
  for (const box of form.querySelectorAll("[name=optimizer]")) box.checked = names.includes(box.value);
  const shapes = searchedShapes();
  for (const box of form.querySelectorAll("[name=shape]")) box.checked = shapes.includes(box.value);
}

async function ask() {
  const asked = ++turn;
  const response = await post("/v1/studies:preview", source.value);
  if (asked !== turn) return;
  if (response?.ok) {
    showPreview(await response.json());
    say("Of the form as it is now. Nothing is stored before you submit.");
  } else {
    await refuse(response);
    at("preview").hidden = true;
  }
  root.dataset.ready = "";
}

async function refuse(response) {
  const problem = (await response?.clone().json().catch(() => null)) ?? {};
  const errors = problem.errors ?? [];
  showProblems(errors);
  const many = errors.length === 1 ? "One field is" : `${errors.length} fields are`;
  say(errors.length ? `${many} not as needed.` : await problemOf(response));
}

/** What is said already is not said again to screen readers with every key. */
function say(words) {
  if (at("preview-state").textContent !== words) at("preview-state").textContent = words;
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", ({ target }) => {
  const { pointer, kind } = target.dataset;
  if (target.name === "optimizer") chooseOptimizer(target);
  else if (target.name === "shape") chooseShapes();
  else if (target === at("family")) {
    write({ ...withValue(spec, "/dataset", undefined), family: { name: target.value } });
    fill();
  } else if (target === at("dataset")) {
    write(withValue(spec, "/dataset", target.value ? { name: target.value } : undefined));
    fill();
  } else if (pointer) write(withValue(spec, pointer, valueOf(target.value, kind)));
});

function chooseOptimizer({ value, checked }) {
  const others = (spec.optimizers ?? []).filter((one) => one.name !== value);
  const chosen = checked ? [...others, { name: value }] : others;
  write(withValue(spec, "/optimizers", chosen.length ? chosen : undefined));
}

function chooseShapes() {
  const choices = [...form.querySelectorAll("[name=shape]:checked")].map((box) => box.value);
  const shape = choices.length ? { type: "categorical", choices } : undefined;
  write(withValue(spec, "/search/training/shape", shape));
}

source.addEventListener("input", () => {
  try {
    const read = JSON.parse(source.value);
    if (typeof read !== "object" || read === null || Array.isArray(read)) throw new Error("it is no object");
    spec = read;
  } catch (error) {
    clearTimeout(due);
    turn++;
    at("document-problem").textContent = `Not a JSON document: ${error.message}`;
    return;
  }
  changed();
  fill();
});

at("copy-curl").addEventListener("click", async () => {
  const done = await copy(curlOf(source.value, hasSession()));
  at("copied").textContent = done ? "Copied." : "Not copied: select the document below instead.";
});

at("submit")?.addEventListener("click", async ({ target }) => {
  target.disabled = true;
  key ||= `page-${Date.now()}-${Math.random()}`; // a click that was sent twice makes one study
  const response = await post("/v1/studies", source.value, { "Idempotency-Key": key });
  if (response?.ok) {
    location.href = (await response.json()).links.page;
    return;
  }
  target.disabled = false;
  at("refused").textContent = `Not submitted. ${await problemOf(response?.clone())}`;
  await refuse(response);
});

async function begin() {
  const { like } = root.dataset;
  const [, kept] = location.href.split("#");
  if (kept) {
    try {
      return JSON.parse(decodeURIComponent(kept));
    } catch {
      return EXAMPLE; // a link that was cut
    }
  }
  const response = like && (await fetch(`/v1/studies/${encodeURIComponent(like)}`).catch(() => null));
  return response?.ok ? (await response.json()).spec : EXAMPLE;
}

write(await begin());
fill();
