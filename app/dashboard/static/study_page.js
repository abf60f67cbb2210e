// A study's page: draw what its tab shows, and follow the study while it runs.

import { showConfiguration } from "./configuration.js";
import { offerFiles } from "./files/offer.js";
import { ofFigures, ofPlot } from "./files/pictures.js";
import { followChanges } from "./live/changes.js";
import { refresh } from "./live/panel.js";
import { announce, showStanding } from "./live/standing.js";
import { redrawOnChange } from "./plots/colours.js";
import { drawSchedule } from "./plots/schedule.js";
import { drawSensitivity } from "./plots/sensitivity.js";
import { checkRows, sensitivityRows } from "./files/rows.js";
import { offerSharing } from "./study/sharing.js";
import { offerActions } from "./study/actions.js";

const root = document.querySelector("main[data-study]");
const { study: studyId, tab } = root.dataset;
const AT_MOST_EVERY_MS = 2000;
// What changes more of a page than its header.
const TELLING = ["study.state", "check.finished", "trial.state", "recommendation.stored"];

async function answer(path) {
  const response = await fetch(`/v1/studies/${studyId}/${path}`).catch(() => null);
  return response?.ok ? response.json() : null;
}

async function drawTransfer() {
  const plots = [...document.querySelectorAll("[data-plot]")];
  const read = plots.length > 0 && (await answer("sensitivity"));
  if (!read) return;
  for (const plot of plots) {
    const own = (one) => one.optimizer === plot.dataset.plot;
    const evidence = read.transfer.find((one) => own(one) && one.parametrization === "mup");
    const curves = read.curves.filter(own);
    await drawSensitivity(plot, curves, read.compared_by.name, evidence?.at_target);
    offerFiles(`${studyId}-transfer-${plot.dataset.plot}`, {
      picture: () => ofPlot(plot),
      rows: () => sensitivityRows(curves),
    });
  }
}

async function drawTheSchedule() {
  const plot = document.getElementById("schedule-plot");
  const recommendation = plot && (await answer("recommendation"));
  if (!recommendation) return;
  await drawSchedule(plot, recommendation);
  const rows = () => recommendation.schedule.preview;
  offerFiles(`${studyId}-schedule`, { picture: () => ofPlot(plot), rows });
}

async function readTheCheck() {
  const figures = [...document.querySelectorAll("#check figure")];
  const read = figures.length > 0 && (await answer("coordinate-check"));
  if (!read) return;
  const rows = () => read.checks.flatMap(checkRows);
  offerFiles(`${studyId}-coordinate-check`, { picture: () => ofFigures(figures), rows });
}

async function drawTheLandscape() {
  const read = document.querySelector("[data-dynamics]") && (await answer("dynamics"));
  if (read) await (await import("./landscape/tab.js")).drawLandscape(studyId, read);
}

const nothing = async () => {};
const DRAWN = {
  transfer: drawTransfer,
  schedule: drawTheSchedule,
  check: readTheCheck,
  landscape: drawTheLandscape,
};
// Tabs that read much: they are read again when the study's state changes, and not with every trial.
const LARGE = {
  curves: async () => (await import("./curves/tab.js")).showCurves,
  importance: async () => (await import("./importance/tab.js")).showImportance,
};
const isLarge = tab in LARGE;
let draw = DRAWN[tab] ?? nothing;
if (isLarge) draw = await (await LARGE[tab]())(studyId, root);
else {
  redrawOnChange(draw);
  await draw();
}
if (tab === "configuration") await showConfiguration(studyId);
root.dataset.ready = "";

let due = null;
let looked = 0;

async function look() {
  due = null;
  looked = Date.now();
  await refresh();
  if (!isLarge) await draw();
}

offerActions(studyId, look);
offerSharing(studyId);

followChanges(root.dataset.lastEvent, ({ study, kinds }) => {
  if (study.id !== studyId) return;
  const moved = showStanding(document.getElementById("header"), study);
  if (moved) announce(study);
  if (moved && isLarge) draw();
  if (kinds.some((kind) => TELLING.includes(kind))) {
    due ??= setTimeout(look, Math.max(0, looked + AT_MOST_EVERY_MS - Date.now()));
  }
});
