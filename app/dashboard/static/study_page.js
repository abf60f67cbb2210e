// The study page: draw what is measured, follow what still runs.

import { followStudy } from "./live_page.js";
import { drawSensitivity } from "./plots/sensitivity.js";

const root = document.querySelector("main[data-study]");
const studyId = root.dataset.study;

async function draw() {
  const plots = [...document.querySelectorAll("[data-plot]")];
  if (plots.length > 0) {
    const response = await fetch(`/v1/studies/${studyId}/sensitivity`);
    if (response.ok) {
      const { curves, compared_by } = await response.json();
      for (const plot of plots) {
        const own = curves.filter((curve) => curve.optimizer === plot.dataset.plot);
        await drawSensitivity(plot, own, compared_by.name);
      }
    }
  }
  root.dataset.ready = "";
}

for (const condition of ["(prefers-color-scheme: dark)", "(max-width: 760px)"]) {
  matchMedia(condition).addEventListener("change", draw);
}
await draw();
followStudy(studyId, root.dataset.lastEvent, draw);
