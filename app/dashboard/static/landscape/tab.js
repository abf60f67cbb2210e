// Curvature and noise along the winner's training, and the loss around its trained weights.

import { offerFiles } from "../files/offer.js";
import { ofPlot } from "../files/pictures.js";
import { drawAlong, drawPlane } from "./plots.js";

const plotsOf = (kind, optimizer) =>
  [...document.querySelectorAll(`[data-dynamics="${kind}"]`)].filter((one) => one.dataset.optimizer === optimizer);

/** @param read the study's document of dynamics. */
export async function drawLandscape(studyId, { optimizers }) {
  for (const { optimizer, widths } of optimizers) {
    const looked = widths.filter((one) => one.looks.length > 0);
    const rows = () => looked.flatMap(lookRows);
    for (const plot of plotsOf("edge", optimizer)) {
      await drawAlong(plot, looked, edgeOf(looked));
      offerFiles(`${studyId}-edge-${optimizer}`, { picture: () => ofPlot(plot), rows });
    }
    for (const plot of plotsOf("noise", optimizer)) {
      await drawAlong(plot, looked, noiseOf(looked));
      offerFiles(`${studyId}-noise-${optimizer}`, { picture: () => ofPlot(plot), rows });
    }
    for (const plot of plotsOf("plane", optimizer)) {
      const { width, landscape } = widths.find((one) => String(one.width) === plot.dataset.width);
      await drawPlane(plot, landscape);
      offerFiles(`${studyId}-plane-${optimizer}-${width}`, {
        picture: () => ofPlot(plot),
        rows: () => planeRows(optimizer, width, landscape),
      });
    }
  }
}

/** Of optimizers whose edge is known, how much of it is reached; of others, the curvature. */
function edgeOf(widths) {
  const known = widths.some(({ looks }) => looks.some((look) => look.edge !== null));
  if (!known) return { title: "largest curvature", value: (look) => look.hessian[0] ?? null };
  return {
    title: "share of the edge",
    log: true,
    value: (look) => look.edge,
    limit: { at: 1, words: "edge of stability" },
  };
}

function noiseOf(widths) {
  const at = widths[0]?.batch_size;
  return {
    title: "noise scale, examples",
    log: true,
    value: noiseScale,
    limit: at ? { at, words: `batch of the proxies, ${at}` } : null,
  };
}

function noiseScale({ noise_trace: noise, gradient_square: square }) {
  return noise > 0 && square > 0 ? noise / square : null;
}

function lookRows({ optimizer, width, learning_rate, looks }) {
  return looks.map((look) => ({
    optimizer,
    width,
    learning_rate,
    step: look.step,
    loss: look.loss,
    largest_curvature: look.hessian[0] ?? null,
    edge: look.edge,
    noise_scale: noiseScale(look),
  }));
}

function* planeRows(optimizer, width, { offsets, losses }) {
  for (const [at, first] of offsets.entries()) {
    for (const [across, second] of offsets.entries()) {
      yield { optimizer, width, first, second, loss: losses[at]?.[across] ?? null };
    }
  }
}
