// Tables of a page that can be saved: the rows of the JSON document that they come from.

import { offerFiles } from "./files/offer.js";

for (const place of document.querySelectorAll("[data-files][data-rows]")) {
  const response = await fetch(place.querySelector("a").href).catch(() => null);
  if (!response?.ok) continue;
  const found = await response.json();
  offerFiles(place.dataset.files, { rows: () => found[place.dataset.rows] });
}
document.querySelector("main").dataset.ready = "";
