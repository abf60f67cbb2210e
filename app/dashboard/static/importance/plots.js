// Two plots of a search: how much each hyperparameter matters, and the loss against one of them.

import { colour } from "../plots/colours.js";
import { SETTINGS as EVERYWHERE } from "../plots/settings.js";
import { logAxis } from "../plots/ticks.js";

const SETTINGS = { ...EVERYWHERE, displayModeBar: false };
const HEIGHT = 300;

function layoutOf(left) {
  const axis = { gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, automargin: true };
  return {
    axis,
    height: HEIGHT,
    margin: { l: left, r: 16, t: 12, b: 44 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: colour("ink") },
    showlegend: false,
    hovermode: "closest",
  };
}

/** @param shares by name, the largest first. @param choose called with the name that is clicked. */
export async function drawImportances(element, shares, chosen, choose) {
  const names = Object.keys(shares).reverse();
  const { axis, ...layout } = layoutOf(24);
  const bars = {
    type: "bar",
    orientation: "h",
    y: names.map((name) => name.replaceAll("_", " ")),
    x: names.map((name) => 100 * shares[name]),
    customdata: names,
    text: names.map((name) => `${(100 * shares[name]).toFixed(0)} %`),
    textposition: "auto",
    textangle: 0,
    marker: { color: names.map((name) => colour(name === chosen ? "accent" : "edge")) },
    hovertemplate: "%{y}: %{x:.1f} %<extra></extra>",
  };
  await window.Plotly.react(
    element,
    [bars],
    { ...layout, bargap: names.length < 4 ? 0.6 : 0.25, xaxis: { ...axis, range: [0, 100], ticksuffix: " %" }, yaxis: { ...axis, ticksuffix: " " } },
    SETTINGS,
  );
  element.removeAllListeners("plotly_click");
  element.on("plotly_click", ({ points: [point] }) => choose(point.customdata));
}

export function drawSlice(element, trials, { name, log }, comparedBy) {
  const { axis, ...layout } = layoutOf(64);
  const ended = trials.filter((trial) => trial.value !== null);
  const diverged = trials.filter((trial) => trial.state_reason === "diverged");
  const values = ended.map((trial) => trial.value).sort((a, b) => a - b);
  const [best, typical] = [values[0] ?? 0, values[Math.floor(values.length * 0.8)] ?? 1];
  const top = typical + 0.15 * (typical - best || 1);
  const mark = (of, y, marker) => ({
    x: of.map((trial) => trial.params[name]),
    y,
    text: of.map((trial) => String(trial.number)),
    mode: "markers",
    marker,
  });
  const traces = [
    {
      ...mark(ended, ended.map((trial) => trial.value), { size: 8, color: colour("accent"), opacity: 0.7 }),
      hovertemplate: `trial %{text}: %{x:.4g}, %{y:.4g}<extra></extra>`,
    },
    {
      ...mark(diverged, diverged.map(() => top), { symbol: "x-thin", size: 9, line: { width: 2, color: colour("failure") } }),
      hovertemplate: `trial %{text}: %{x:.4g}, diverged<extra></extra>`,
      cliponaxis: false,
    },
  ];
  const along = log ? logAxis([...ended, ...diverged].map((trial) => trial.params[name])) : {};
  const across = { ...axis, title: { text: name.replaceAll("_", " ") }, ...along };
  const range = [best - 0.08 * (top - best), top];
  const up = { ...axis, title: { text: comparedBy }, range };
  return window.Plotly.react(element, traces, { ...layout, xaxis: across, yaxis: up }, SETTINGS);
}
