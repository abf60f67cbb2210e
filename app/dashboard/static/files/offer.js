// A plot as a picture and as a table of its numbers, beside the link to its JSON document.

import { csvParts } from "./csv.js";

/**
 * Has the buttons under a plot save it.
 * @param name of the plot, as its buttons' `data-files` says.
 * @param picture resolves to an address of a PNG.
 * @param rows an iterable of objects, one a line; with `columns`, of arrays.
 */
export function offerFiles(name, { picture, rows, columns }) {
  const place = document.querySelector(`[data-files="${CSS.escape(name)}"]`);
  if (!place) return;
  place.onclick = async ({ target }) => {
    const { file } = target.dataset;
    if (file === "png") save(await picture(), `${name}.png`);
    if (file === "csv") {
      const address = URL.createObjectURL(new Blob(csvParts(rows(), columns), { type: "text/csv" }));
      save(address, `${name}.csv`);
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    }
  };
}

function save(href, download) {
  Object.assign(document.createElement("a"), { href, download }).click();
}
