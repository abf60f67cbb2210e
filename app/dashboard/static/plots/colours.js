// The page's colours as plots take them: those of the theme that is shown.

let probe = null;

/** A colour of the style sheet, as `rgb(…)`. */
export function colour(name) {
  probe ??= document.body.appendChild(Object.assign(document.createElement("span"), { hidden: true }));
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

export function between(from, to, share) {
  const parts = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
  const [a, b] = [parts(from), parts(to)];
  return `rgb(${a.map((part, i) => Math.round(part + share * (b[i] - part))).join(", ")})`;
}

/** Draw again when the theme or the width class changes. */
export function redrawOnChange(draw) {
  document.documentElement.addEventListener("themechange", draw);
  for (const condition of ["(prefers-color-scheme: dark)", "(max-width: 760px)"]) {
    matchMedia(condition).addEventListener("change", draw);
  }
}
