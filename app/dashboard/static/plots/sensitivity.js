// Loss against learning rate by width, one panel per parametrization, drawn from the study's
// sensitivity document. Width is ordinal: one hue, and a marker shape and a label beside it, so
// that nothing is said by colour alone.

import { between, colour } from "./colours.js";
import { labelPlaces } from "./labels.js";
import { SETTINGS } from "./settings.js";

const TITLES = {
  mup: "μP",
  sp: "standard parametrization",
  "sp+embedding": "standard, μP's embedding rate",
};
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "hexagon"];
const STACKED_BELOW = 640; // pixels; narrower plots put one panel under the other
const DENSITY_HEIGHT = 0.16; // of the plot
const NOTHING = { xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false, font: { size: 14 } };
const HEADROOM = 0.9; // of the best-to-typical distance shown above the curves

/** @param target where the optimum of the target is expected: its quantiles; or nothing. */
export function drawSensitivity(element, curves, comparedBy, target) {
  const panels = Object.keys(TITLES).filter((name) =>
    curves.some((curve) => curve.parametrization === name),
  );
  const widths = [...new Set(curves.map((curve) => curve.width))].sort((a, b) => a - b);
  const [across, range] = [rateRange(curves, target), lossRange(curves)];
  const stacked = element.clientWidth < STACKED_BELOW;
  const layout = layoutOf(panels, curves, { across, range, colour, stacked, comparedBy });
  const size = panelSize(element.clientWidth, layout);
  const toPixels = ({ log2_learning_rate: rate, loss }) => ({
    x: (size.width * (rate - across[0])) / (across[1] - across[0]),
    y: (size.height * (range[1] - loss)) / (range[1] - range[0]),
  });
  const traces = panels.flatMap((name, index) => {
    const own = curves.filter((curve) => curve.parametrization === name);
    return panelTraces(own, axisSuffix(index), {
      colourOf: (width) => between(colour("narrow"), colour("wide"), place(widths, width)),
      symbolOf: (width) => SYMBOLS[widths.indexOf(width) % SYMBOLS.length],
      legend: index === 0,
      ink: colour("ink"),
      top: range[1],
      toPixels,
    });
  });
  if (target && panels[0] === "mup") traces.unshift(...expectedTraces(target, range, colour("accent")));
  element.style.height = `${layout.height}px`; // a responsive plot is as high as its element
  const shown = { ...SETTINGS, modeBarButtonsToRemove: ["lasso2d", "select2d", "toImage"] };
  return window.Plotly.react(element, traces, layout, shown);
}

function panelTraces(curves, suffix, look) {
  const axes = { xaxis: `x${suffix}`, yaxis: `y${suffix}` };
  const traces = curves.flatMap((curve) => curveTraces(curve, axes, look));
  const found = curves.filter((curve) => curve.optimum.status === "measured");
  traces.push({
    ...axes,
    name: "path of the optimum",
    x: found.map((curve) => curve.optimum.log2_learning_rate),
    y: found.map((curve) => curve.optimum.loss),
    text: found.map((curve) => String(curve.width)),
    error_x: {
      type: "data",
      symmetric: false,
      array: found.map(({ optimum: at }) => at.high_log2_learning_rate - at.log2_learning_rate),
      arrayminus: found.map(({ optimum: at }) => at.log2_learning_rate - at.low_log2_learning_rate),
      color: look.ink,
      thickness: 1.2,
      width: 4,
    },
    mode: "lines+markers+text",
    // Stars of widths that transfer stand close to one another.
    textposition: labelPlaces(found.map(({ optimum, width }) => ({ ...look.toPixels(optimum), text: String(width) }))),
    textfont: { color: look.ink, size: 12 },
    line: { dash: "dot", width: 1.5, color: look.ink },
    marker: {
      symbol: "star",
      size: 15,
      color: found.map((curve) => look.colourOf(curve.width)),
      line: { width: 1, color: look.ink },
    },
    hovertemplate: "optimum of width %{text}: 2^%{x:.1f} at the base width, %{y:.4g}<extra></extra>",
    showlegend: look.legend && found.length > 0,
  });
  return traces;
}

/** Where the target's optimum is expected: its 90 % interval, and its density along the bottom. */
function expectedTraces(target, [low, high], ink) {
  const { quantiles, low_log2_learning_rate: from, high_log2_learning_rate: to } = target;
  const bars = quantiles.slice(1).map((at, index) => {
    const before = quantiles[index];
    const span = at.log2_learning_rate - before.log2_learning_rate;
    return {
      x: (at.log2_learning_rate + before.log2_learning_rate) / 2,
      density: span > 0 ? (at.probability - before.probability) / span : 0,
    };
  });
  const most = Math.max(...bars.map((bar) => bar.density), 1e-9);
  const ends = [quantiles[0], quantiles[quantiles.length - 1]].map((at) => at.log2_learning_rate);
  const soft = ink.replace("rgb(", "rgba(").replace(")", ", 0.14)");
  const common = { xaxis: "x", yaxis: "y", mode: "lines", fill: "toself", fillcolor: soft, showlegend: false };
  return [
    {
      ...common,
      x: [from, from, to, to, from],
      y: [low, high, high, low, low],
      line: { width: 0 },
      hoverinfo: "skip",
    },
    {
      ...common,
      name: `optimum expected at width ${target.width}`,
      x: [ends[0], ...bars.map((bar) => bar.x), ends[1]],
      y: [low, ...bars.map((bar) => low + (DENSITY_HEIGHT * (high - low) * bar.density) / most), low],
      line: { width: 1.5, color: ink },
      showlegend: true,
      hoverinfo: "name",
    },
  ];
}

function curveTraces(curve, axes, look) {
  const points = curve.points.filter((point) => point.mean_loss !== null);
  const x = points.map((point) => point.log2_learning_rate);
  const losses = points.map((point) => point.seeds.map((seed) => seed.loss));
  const colour = look.colourOf(curve.width);
  const group = `width ${curve.width}${curve.purpose === "search" ? " (search)" : ""}`;
  const common = { ...axes, legendgroup: group, name: group };
  const edge = { mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
  return [
    { ...common, ...edge, x, y: losses.map((all) => Math.min(...all)) },
    {
      ...common,
      ...edge,
      x,
      y: losses.map((all) => Math.max(...all)),
      fill: "tonexty",
      fillcolor: colour.replace("rgb(", "rgba(").replace(")", ", 0.18)"),
    },
    {
      ...common,
      x,
      y: points.map((point) => point.mean_loss),
      customdata: points.map((point) => point.seeds.length),
      // Neighbours of a search differ in more than the rate: a line between them would say nothing.
      mode: curve.purpose === "search" ? "markers" : "lines+markers",
      line: { color: colour, width: 2 },
      // A search's many points would hide the star among them.
      marker: { symbol: look.symbolOf(curve.width), size: 7, opacity: curve.purpose === "search" ? 0.4 : 1 },
      hovertemplate: `${group}: 2^%{x:.2f} at the base width, %{y:.4g}, mean of %{customdata} seeds<extra></extra>`,
      showlegend: look.legend,
    },
    divergedTrace(curve, common, colour, look.top),
  ];
}

function divergedTrace(curve, common, colour, top) {
  const points = curve.points.filter((point) => point.diverged > 0);
  return {
    ...common,
    x: points.map((point) => point.log2_learning_rate),
    y: points.map(() => top),
    customdata: points.map((point) => point.diverged),
    mode: "markers",
    marker: { symbol: "x-thin", size: 9, line: { width: 2, color: colour } },
    cliponaxis: false,
    hovertemplate: `width ${curve.width}: 2^%{x:.2f} at the base width, %{customdata} seeds diverged<extra></extra>`,
    showlegend: false,
  };
}

function layoutOf(panels, curves, { across, range, colour, stacked, comparedBy }) {
  const gap = stacked ? 0.2 : 0.04;
  const share = (1 - gap * (panels.length - 1)) / panels.length;
  const spans = panels.map((_, index) => [index * (share + gap), index * (share + gap) + share]);
  if (stacked) spans.reverse(); // the first panel on top
  const axis = { gridcolor: colour("line"), linecolor: colour("line"), zeroline: false };
  const layout = {
    height: stacked ? 200 + 260 * panels.length : 420,
    margin: { l: 64, r: 16, t: 36, b: stacked ? 150 : 96 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: colour("ink") },
    legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0 },
    hovermode: "closest",
    annotations: [],
    shapes: [],
  };
  const proxy = curves.find((curve) => curve.parametrization === "mup");
  const hasLosses = curves.some((curve) => curve.points.some((point) => point.mean_loss !== null));
  if (!hasLosses) layout.annotations.push({ ...NOTHING, text: "every trial diverged: no loss to show" });
  panels.forEach((name, index) => {
    const suffix = axisSuffix(index);
    layout[`xaxis${suffix}`] = {
      ...axis,
      domain: stacked ? [0, 1] : spans[index],
      anchor: `y${suffix}`,
      matches: index ? "x" : undefined,
      range: across,
      dtick: 1,
      tickprefix: "2<sup>",
      ticksuffix: "</sup>",
      title: { text: "learning rate at the base width", standoff: 8 },
    };
    layout[`yaxis${suffix}`] = {
      ...axis,
      domain: stacked ? spans[index] : [0, 1],
      range,
      anchor: `x${suffix}`,
      matches: index ? "y" : undefined,
      showticklabels: hasLosses && (stacked || index === 0),
      title: index && !stacked ? undefined : { text: comparedBy },
    };
    layout.annotations.push({
      text: `<b>${TITLES[name]}</b>`,
      xref: `x${suffix} domain`,
      yref: `y${suffix} domain`,
      x: 0,
      y: 1,
      yshift: 28,
      xanchor: "left",
      showarrow: false,
      font: { size: 14 },
    });
    if (proxy?.optimum.status === "measured") {
      layout.shapes.push({
        type: "line",
        xref: `x${suffix}`,
        yref: `y${suffix} domain`,
        x0: proxy.optimum.log2_learning_rate,
        x1: proxy.optimum.log2_learning_rate,
        y0: 0,
        y1: 1,
        layer: "below",
        line: { color: colour("muted"), width: 1.5, dash: "dash" },
      });
    }
  });
  return layout;
}

/** Every rate that was tried, and what intervals reach within an octave beyond. */
function rateRange(curves, target) {
  const tried = curves.flatMap((curve) => curve.points.map((point) => point.log2_learning_rate));
  if (tried.length === 0) return [-10, 0];
  const [least, most] = [Math.min(...tried), Math.max(...tried)];
  const reached = [...curves.map((curve) => curve.optimum), target ?? {}].flatMap((at) => [
    at.low_log2_learning_rate ?? least,
    at.high_log2_learning_rate ?? most,
  ]);
  const [low, high] = [
    Math.max(Math.min(least, ...reached), least - 1),
    Math.min(Math.max(most, ...reached), most + 1),
  ];
  const margin = 0.04 * (high - low) + 0.1;
  return [low - margin, high + margin];
}

/** Pixels of one panel's plotting area. */
function panelSize(whole, { height, margin, xaxis, yaxis }) {
  const share = ({ domain: [from, to] }) => to - from;
  return {
    width: (whole - margin.l - margin.r) * share(xaxis),
    height: (height - margin.t - margin.b) * share(yaxis),
  };
}

/** From below the best loss to well above the typical one; what diverges leaves at the top. */
function lossRange(curves) {
  const losses = curves
    .flatMap((curve) => curve.points.map((point) => point.mean_loss))
    .filter((loss) => loss !== null)
    .sort((a, b) => a - b);
  if (losses.length === 0) return [0, 1]; // of which nothing is said
  const best = losses[0];
  const typical = losses[Math.floor(losses.length * 0.6)];
  const worst = losses[losses.length - 1];
  const high = Math.min(worst, typical + HEADROOM * (typical - best)) + 1e-6;
  return [best - 0.12 * (high - best), high + 0.05 * (high - best)];
}

function axisSuffix(index) {
  return index ? String(index + 1) : "";
}

function place(widths, width) {
  return widths.length < 2 ? 1 : widths.indexOf(width) / (widths.length - 1);
}
