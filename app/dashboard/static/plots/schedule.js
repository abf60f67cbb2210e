// The learning rate over the target's training, by update or by tokens, as the address says.

import { colour } from "./colours.js";
import { SETTINGS } from "./settings.js";

export function drawSchedule(element, recommendation) {
  const choice = document.getElementById("by");
  const asked = new URLSearchParams(location.search).get("by");
  if (asked) choice.value = asked;
  const draw = () => plot(element, recommendation, choice.value);
  choice.onchange = () => {
    history.replaceState(null, "", `${location.pathname}?by=${choice.value}`);
    draw();
  };
  return draw();
}

function plot(element, { schedule, groups }, by) {
  const points = schedule.preview;
  const x = points.map((at) => (by === "tokens" ? at.tokens : at.step));
  const shown = groups[schedule.group];
  const traces = [
    {
      x,
      y: points.map((at) => at.learning_rate),
      name: `learning rate (${shown.role})`,
      mode: "lines",
      line: { color: colour("accent"), width: 2 },
      hovertemplate: "%{x:,}: %{y:.4g}<extra></extra>",
    },
  ];
  const batches = points.map((at) => at.batch_size);
  if (new Set(batches).size > 1) {
    const line = { color: colour("muted"), dash: "dot", shape: "hv" };
    traces.push({ x, y: batches, name: "batch size", yaxis: "y2", mode: "lines", line });
  }
  const axis = { gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, rangemode: "tozero" };
  const layout = {
    height: 400,
    margin: { l: 72, r: traces.length > 1 ? 64 : 16, t: 16, b: 48 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: colour("ink") },
    showlegend: traces.length > 1,
    legend: { orientation: "h", y: 1.12 },
    xaxis: { ...axis, title: { text: by === "tokens" ? "tokens" : "update" } },
    yaxis: { ...axis, title: { text: "learning rate" } },
    yaxis2: { ...axis, overlaying: "y", side: "right", showgrid: false, title: { text: "batch size" } },
  };
  return window.Plotly.react(element, traces, layout, { ...SETTINGS, modeBarButtonsToRemove: ["toImage"] });
}
