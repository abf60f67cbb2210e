// The tab of a search's hyperparameters: what matters, one against the loss, all at once.

import { everyPage } from "../every_page.js";
import { offerFiles } from "../files/offer.js";
import { ofCanvas, ofPlot } from "../files/pictures.js";
import { redrawOnChange } from "../plots/colours.js";
import { ParallelAxes } from "./parallel.js";
import { drawImportances, drawSlice } from "./plots.js";

const FEW = 30; // complete trials, below which a share says little
const at = (id) => document.getElementById(id);

export async function showImportance(studyId, root) {
  const parallel = new ParallelAxes(at("parallel"), (words) => {
    at("parallel-read").textContent = words || "\u00a0";
  });
  const asked = new URLSearchParams(location.search);
  if (asked.get("optimizer")) at("optimizer").value = asked.get("optimizer");
  at("optimizer").closest("label").hidden = at("optimizer").options.length < 2;
  let known = null;
  let chosen = asked.get("parameter");

  const draw = async () => {
    const of = known && shownOf(known, at("optimizer").value);
    const able = Boolean(of?.trials.length);
    for (const id of ["importance-plots", "parallel-plot", "importance-table"]) at(id).hidden = !able;
    at("importance-note").textContent = noteOf(known, of);
    if (!able) return;
    const names = of.axes.map((axis) => axis.name);
    if (!names.includes(chosen)) chosen = names[0];
    at("parameter").replaceChildren(...names.map((name) => new Option(name.replaceAll("_", " "), name)));
    at("parameter").value = chosen;
    await drawImportances(at("importance"), of.importances ?? {}, chosen, choose);
    await drawSlice(at("slice"), of.trials, of.axes[names.indexOf(chosen)], known.comparedBy);
    tabulate(of.importances ?? {});
    const lines = linesOf(of);
    parallel.show([...of.axes, { name: known.comparedBy, log: false }], lines);
    const save = (name, picture, rows) => offerFiles(`${studyId}-${name}`, { picture, rows });
    save("importance", () => ofPlot(at("importance")), () => importanceRows(of));
    save("slice", () => ofPlot(at("slice")), () => searchRows(of, [chosen]));
    save("search", () => ofCanvas(parallel.base), () => searchRows(of, names));
  };
  const remember = () => {
    const kept = new URLSearchParams({ optimizer: at("optimizer").value, parameter: chosen ?? "" });
    history.replaceState(null, "", `${location.pathname}?${kept}`);
  };
  const choose = (name) => {
    chosen = name;
    remember();
    draw();
  };
  at("optimizer").addEventListener("change", () => choose(null));
  at("parameter").addEventListener("change", ({ target }) => choose(target.value));
  const load = async () => {
    delete root.dataset.ready;
    known = await readSearch(studyId);
    await draw();
    root.dataset.ready = "";
  };
  redrawOnChange(draw);
  await load();
  return load;
}

async function readSearch(studyId) {
  const own = `/v1/studies/${studyId}`;
  const read = async (path) => {
    const response = await fetch(path).catch(() => null);
    return response?.ok ? response.json() : null;
  };
  const [study, found, trials] = await Promise.all([
    read(own),
    read(`${own}/importances`),
    everyPage(`${own}/trials?purpose=search&page_size=1000`, "trials"),
  ]);
  if (!study || !found || !trials) return null;
  return { spec: study.spec, comparedBy: study.progress.compared_by, found: found.optimizers, trials };
}

/** What was searched with one optimizer; the most important first. */
function shownOf({ spec, found, trials }, optimizer) {
  const settings = spec.optimizers.find((one) => one.name === optimizer);
  const told = found.find((one) => one.optimizer === optimizer);
  const own = trials.filter((one) => one.optimizer === optimizer && (one.value !== null || one.state_reason === "diverged"));
  const searched = [...new Set(own.flatMap((trial) => Object.keys(trial.params)))];
  const names = Object.keys(told?.importances ?? {});
  const drawn = spec.search.training ?? {};
  const distributionOf = (name) => {
    const own = name.replace(/^training\.(numbers\.)?/, "");
    return name === own ? settings?.[name] : (drawn[own] ?? drawn.numbers?.[own]);
  };
  const axes = [...names, ...searched.filter((name) => !names.includes(name))].map((name) => ({
    name,
    log: Boolean(distributionOf(name)?.log),
  }));
  const { trials: complete = 0, importances = null, reason = null } = told ?? {};
  return { optimizer, axes, trials: own, complete, importances, reason };
}

function noteOf(known, of) {
  if (known === null) return "The search could not be loaded. Load this page again.";
  const ended = of.trials.length;
  if (!ended) return "No trial of the search has ended yet.";
  const said = `${ended} trials of the search, ${of.complete} of them complete.`;
  if (of.reason) return `${said} ${of.reason}`;
  return of.complete < FEW ? `${said} With so few, a share says little.` : said;
}

function linesOf({ axes, trials }) {
  const complete = trials.filter((trial) => trial.value !== null).sort((a, b) => a.value - b.value);
  return complete.map((trial, rank) => ({
    name: `trial ${trial.number}`,
    rank,
    values: [...axes.map(({ name }) => trial.params[name]), trial.value],
  }));
}

function tabulate(shares) {
  const rows = Object.entries(shares).map(([name, share]) => {
    const row = document.createElement("tr");
    const title = Object.assign(document.createElement("th"), { scope: "row", textContent: name });
    const cell = Object.assign(document.createElement("td"), { className: "n", textContent: `${(100 * share).toFixed(1)} %` });
    row.append(title, cell);
    return row;
  });
  at("importance-table").querySelector("tbody").replaceChildren(...rows);
}

function importanceRows({ optimizer, importances }) {
  return Object.entries(importances ?? {}).map(([hyperparameter, share]) => ({ optimizer, hyperparameter, share }));
}

function* searchRows({ trials }, names) {
  for (const { number, optimizer, width, seed, state, state_reason, params, value } of trials) {
    const searched = Object.fromEntries(names.map((name) => [name, params[name]]));
    yield { trial: number, optimizer, width, seed, state, state_reason, ...searched, value };
  }
}
