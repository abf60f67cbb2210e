// The list of studies: rows change as their studies do, and nothing else on the page moves.

import { showCoded } from "./coded.js";
import { followChanges } from "./live/changes.js";
import { announce, showStanding } from "./live/standing.js";

const root = document.querySelector("main");
const COUNT_AGAIN_MS = 3000;
let counting = null;

function countSoon() {
  counting ??= setTimeout(async () => {
    const response = await fetch("/v1/overview").catch(() => null);
    counting = null;
    if (response?.ok) showOverview(await response.json());
  }, COUNT_AGAIN_MS);
}

function showOverview({ words, problem }) {
  for (const [name, text] of Object.entries(words)) {
    const place = root.querySelector(`[data-overview="${name}"]`);
    if (place && place.textContent !== text) place.textContent = text;
  }
  showCoded(root.querySelector("[data-overview=problem]"), problem ?? "");
  document.getElementById("problem").hidden = !problem;
}

followChanges(
  root.dataset.lastEvent,
  ({ study }) => {
    const row = root.querySelector(`[data-study="${CSS.escape(study.id)}"]`);
    if (row === null) {
      const hint = document.getElementById("new-studies");
      if (hint) hint.hidden = false;
    } else if (showStanding(row, study)) {
      announce(study);
    }
  },
  countSoon,
);
root.dataset.ready = "";
