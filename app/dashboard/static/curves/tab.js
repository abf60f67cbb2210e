// The tab of learning curves: read page by page, drawn as they come, as the address says.

import { between, colour, redrawOnChange } from "../plots/colours.js";
import { everyPage } from "../every_page.js";
import { offerFiles } from "../files/offer.js";
import { ofCanvas } from "../files/pictures.js";
import { CurveCanvas } from "./canvas.js";

const NOTE = () => document.getElementById("curves-note");
const control = (id) => document.getElementById(id);

export async function showCurves(studyId, root) {
  const read = document.getElementById("curve-read");
  const canvas = new CurveCanvas(control("curves"), (words) => {
    read.textContent = words || "\u00a0";
  });
  let series = [];
  const asked = new URLSearchParams(location.search);
  for (const name of ["metric", "smooth", "scale"]) {
    if (asked.get(name)) control(name).value = asked.get(name);
  }
  const options = () => ({
    smooth: Number(control("smooth").value),
    log: control("scale").value === "log",
    title: control("metric").selectedOptions[0]?.textContent ?? "",
  });
  const draw = async () => {
    const took = await canvas.show(series, options());
    if (took !== null) root.dataset.drawMs = took.toFixed(1);
  };
  const load = async () => {
    delete root.dataset.ready;
    NOTE().textContent = "Loading…";
    series = [];
    const loaded = await readSeries(studyId, control("metric").value);
    if (loaded === null) NOTE().textContent = "The curves could not be loaded. Load this page again.";
    else {
      series = loaded;
      const many = series.length === 1 ? "1 curve" : `${series.length.toLocaleString("en")} curves`;
      NOTE().textContent = series.length ? many : "No trial has reported this yet.";
    }
    await draw();
    root.dataset.ready = "";
  };
  const remember = () => {
    const kept = new URLSearchParams();
    for (const name of ["metric", "smooth", "scale"]) {
      const { value } = control(name);
      if (value && value !== "0") kept.set(name, value);
    }
    history.replaceState(null, "", `${location.pathname}?${kept}`);
  };
  control("metric").addEventListener("change", () => (remember(), load()));
  for (const name of ["smooth", "scale"]) {
    control(name).addEventListener("input", () => (remember(), draw()));
  }
  control("nearer").addEventListener("click", () => canvas.zoom(0.5));
  control("farther").addEventListener("click", () => canvas.zoom(2));
  control("whole").addEventListener("click", () => canvas.zoom(null));
  offerFiles(`${studyId}-curves`, {
    picture: () => ofCanvas(canvas.base),
    columns: ["trial", "step", "value"],
    rows: () => curveRows(series),
  });
  redrawOnChange(draw);
  await load();
  return load;
}

function tellLoaded(curves) {
  NOTE().textContent = `Loading… ${curves.toLocaleString("en")} curves`;
}

function* curveRows(series) {
  for (const { number, xs, values } of series) {
    for (let at = 0; at < xs.length; at++) yield [number, xs[at], values[at]];
  }
}

async function readSeries(studyId, metric) {
  const [curves, trials] = await Promise.all([
    everyPage(`/v1/studies/${studyId}/curves?metric=${metric}&page_size=100`, "curves", tellLoaded),
    everyPage(`/v1/studies/${studyId}/trials?page_size=1000`, "trials"),
  ]);
  if (curves === null || trials === null) return null;
  const byNumber = new Map(trials.map((trial) => [trial.number, trial]));
  const order = trials.filter((trial) => trial.value !== null).sort((a, b) => a.value - b.value);
  const rank = new Map(order.map((trial, at) => [trial.number, at]));
  const widths = [...new Set(trials.map((trial) => trial.width))].sort((a, b) => a - b);
  return curves.map(({ number, steps, values }) => {
    const trial = byNumber.get(number);
    const share = widths.length < 2 ? 1 : widths.indexOf(trial?.width) / (widths.length - 1);
    return {
      name: trial ? `trial ${number}, ${trial.optimizer}, width ${trial.width}, ${trial.state}` : `trial ${number}`,
      number,
      xs: Int32Array.from(steps),
      values: Float32Array.from(values),
      rank: rank.get(number) ?? Infinity,
      colour: (best) => (best ? between(colour("narrow"), colour("wide"), share) : colour("muted")),
    };
  });
}
