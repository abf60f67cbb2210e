// Two kinds of plots of a model in training: a number along it by width, and the loss on a plane.

import { between, colour } from "../plots/colours.js";
import { SETTINGS as EVERYWHERE } from "../plots/settings.js";
import { logAxis } from "../plots/ticks.js";

const SETTINGS = { ...EVERYWHERE, displayModeBar: false };
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "hexagon"];
const HEIGHT = 300;

function layoutOf() {
  const axis = { gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, automargin: true };
  return {
    axis,
    height: HEIGHT,
    margin: { l: 64, r: 16, t: 32, b: 44 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: colour("ink") },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hovermode: "closest",
  };
}

/** @param of `value` of a look, its `title`, a `limit` to compare with, and whether it is `log`. */
export function drawAlong(element, widths, { title, value, limit, log }) {
  const { axis, ...layout } = layoutOf();
  const traces = widths.map(({ width, looks }, at) => {
    const shade = between(colour("narrow"), colour("wide"), widths.length < 2 ? 1 : at / (widths.length - 1));
    const seen = looks.filter((look) => value(look) !== null);
    return {
      name: `width ${width}`,
      x: seen.map((look) => look.step),
      y: seen.map(value),
      mode: "lines+markers",
      cliponaxis: false,
      line: { color: shade, width: 2 },
      marker: { symbol: SYMBOLS[at % SYMBOLS.length], size: 8, color: shade },
      hovertemplate: `width ${width}, update %{x}: %{y:.3g}<extra></extra>`,
      showlegend: true,
    };
  });
  if (limit) traces.push(limitTrace(widths, limit));
  const up = { ...axis, title: { text: title }, ...(log ? logAxis(traces.flatMap(({ y }) => y)) : { rangemode: "tozero" }) };
  const across = { ...axis, title: { text: "update" }, rangemode: "tozero" };
  return window.Plotly.react(element, traces, { ...layout, xaxis: across, yaxis: up }, SETTINGS);
}

function limitTrace(widths, { at, words }) {
  const last = Math.max(...widths.flatMap(({ looks }) => looks.map((look) => look.step)), 0);
  return {
    name: words,
    x: [0, last],
    y: [at, at],
    mode: "lines",
    line: { color: colour("muted"), width: 1.5, dash: "dash" },
    hoverinfo: "name",
  };
}

/** The loss along the two sharpest directions, the trained weights in the middle. */
export function drawPlane(element, { offsets, losses }) {
  const { axis, ...layout } = layoutOf();
  const contours = {
    type: "contour",
    x: offsets,
    y: offsets,
    z: losses,
    colorscale: [[0, colour("accent")], [1, colour("surface")]],
    contours: { coloring: "fill" },
    line: { color: colour("edge"), width: 0.75 },
    colorbar: { title: { text: "loss" }, thickness: 12, outlinewidth: 0 },
    hovertemplate: "%{y:.3g} along the sharpest, %{x:.3g} along the second: %{z:.4g}<extra></extra>",
  };
  const middle = {
    x: [0],
    y: [0],
    mode: "markers",
    marker: { symbol: "star", size: 14, color: colour("surface"), line: { width: 1.5, color: colour("ink") } },
    hovertemplate: "the trained weights<extra></extra>",
    showlegend: false,
  };
  const across = { ...axis, title: { text: "along the second sharpest direction" } };
  const up = { ...axis, title: { text: "along the sharpest" } };
  return window.Plotly.react(element, [contours, middle], { ...layout, xaxis: across, yaxis: up }, SETTINGS);
}
