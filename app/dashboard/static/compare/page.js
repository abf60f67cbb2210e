// Studies in one plot: the loss of each against the learning rate, at its widest measured width.

import { offerFiles } from "../files/offer.js";
import { ofPlot } from "../files/pictures.js";
import { sensitivityRows } from "../files/rows.js";
import { between, colour, redrawOnChange } from "../plots/colours.js";
import { SETTINGS } from "../plots/settings.js";

const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "hexagon", "cross", "pentagon"];
const MOST_LETTERS = 24;
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];

const root = document.querySelector("main");
const element = document.getElementById("compared");
const titles = [...document.querySelectorAll(".compared")[0].querySelectorAll("thead a")];
const named = new Map(titles.map((link) => [link.pathname.split("/").pop(), short(link.textContent)]));

/** A name that leaves room in the legend for the optimizer and the width. */
function short(name) {
  const letters = [...name];
  return letters.length > MOST_LETTERS ? `${letters.slice(0, MOST_LETTERS - 1).join("")}…` : name;
}

async function readCurves(id) {
  const response = await fetch(`/v1/studies/${id}/sensitivity`).catch(() => null);
  if (!response?.ok) return [];
  const { curves } = await response.json();
  const own = curves.filter((curve) => curve.parametrization === "mup");
  return [...new Set(own.map((curve) => curve.optimizer))].map((optimizer) => {
    const of = own.filter((curve) => curve.optimizer === optimizer);
    const widest = of.reduce((a, b) => (b.width > a.width ? b : a));
    return { study: id, name: `${named.get(id)}, ${optimizer}, width ${widest.width}`, ...widest };
  });
}

const curves = (await Promise.all(root.dataset.ids.split(",").map(readCurves))).flat();

function traces() {
  return curves.flatMap((curve, at) => {
    const shade = between(colour("narrow"), colour("wide"), curves.length < 2 ? 1 : at / (curves.length - 1));
    const points = curve.points.filter((point) => point.mean_loss !== null);
    const common = { legendgroup: String(at), name: curve.name };
    const { status, log2_learning_rate: best, loss } = curve.optimum;
    const line = {
      ...common,
      x: points.map((point) => point.log2_learning_rate),
      y: points.map((point) => point.mean_loss),
      // Neighbours of a search differ in more than the rate.
      mode: curve.purpose === "search" ? "markers" : "lines+markers",
      line: { color: shade, width: 2, dash: DASHES[at % DASHES.length] },
      marker: { symbol: SYMBOLS[at % SYMBOLS.length], size: 8, opacity: curve.purpose === "search" ? 0.4 : 1 },
      hovertemplate: "2^%{x:.2f}: %{y:.4g}<extra>%{fullData.name}</extra>",
    };
    const star = {
      ...common,
      x: [best],
      y: [loss],
      mode: "markers",
      marker: { symbol: "star", size: 15, color: shade, line: { width: 1, color: colour("ink") } },
      hovertemplate: "optimum 2^%{x:.2f}: %{y:.4g}<extra>%{fullData.name}</extra>",
      showlegend: false,
    };
    return status === "measured" ? [line, star] : [line];
  });
}

function draw() {
  const axis = { gridcolor: colour("line"), linecolor: colour("line"), zeroline: false };
  const layout = {
    height: 420,
    margin: { l: 64, r: 16, t: 16, b: 56 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: colour("ink") },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
    hovermode: "closest",
    xaxis: { ...axis, dtick: 1, tickprefix: "2<sup>", ticksuffix: "</sup>", title: { text: "learning rate at the base width" } },
    yaxis: { ...axis, title: { text: "loss" }, automargin: true },
  };
  element.style.height = `${layout.height}px`; // a responsive plot is as high as its element
  return window.Plotly.react(element, traces(), layout, { ...SETTINGS, displayModeBar: false });
}

function* rows() {
  for (const curve of curves) {
    for (const row of sensitivityRows([curve])) yield { study: curve.study, ...row };
  }
}

redrawOnChange(draw);
await draw();
offerFiles("compared", { picture: () => ofPlot(element), rows });
root.dataset.ready = "";
