// Addresses of PNG pictures of what a page has drawn, on the page's own ground.

import { colour } from "../plots/colours.js";

const SHARPNESS = 2;
const CELL = { width: 240, figure: 100, height: 156, margin: 16 };
const DRAWN = ["fill", "stroke", "stroke-width", "opacity"];

export function ofPlot(element) {
  const ground = colour("surface");
  const layout = { ...element.layout, paper_bgcolor: ground, plot_bgcolor: ground };
  const { clientWidth: width, clientHeight: height } = element;
  const { data } = element;
  return window.Plotly.toImage({ data, layout }, { format: "png", width, height, scale: SHARPNESS });
}

export function ofCanvas(canvas) {
  const made = document.createElement("canvas");
  [made.width, made.height] = [canvas.width, canvas.height];
  const pen = made.getContext("2d");
  pen.fillStyle = colour("surface");
  pen.fillRect(0, 0, made.width, made.height);
  pen.drawImage(canvas, 0, 0);
  return made.toDataURL("image/png");
}

/** Small figures with captions, in rows. */
export async function ofFigures(figures) {
  const columns = Math.min(4, figures.length);
  const canvas = document.createElement("canvas");
  const rows = Math.ceil(figures.length / columns);
  canvas.width = SHARPNESS * columns * CELL.width;
  canvas.height = SHARPNESS * rows * CELL.height;
  const pen = canvas.getContext("2d");
  pen.scale(SHARPNESS, SHARPNESS);
  pen.fillStyle = colour("surface");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = colour("ink");
  pen.font = "12px system-ui, sans-serif";
  for (const [at, figure] of figures.entries()) {
    const left = (at % columns) * CELL.width + CELL.margin;
    const top = Math.floor(at / columns) * CELL.height + CELL.margin;
    const width = CELL.width - 2 * CELL.margin;
    pen.drawImage(await imageOf(figure.querySelector("svg")), left, top, width, CELL.figure);
    [...figure.querySelector("figcaption").children].forEach((line, row) => {
      pen.fillText(line.textContent, left, top + CELL.figure + 16 * (row + 1), width);
    });
  }
  return canvas.toDataURL("image/png");
}

/** What style sheets say of a drawing is written into it: a picture has none. */
async function imageOf(svg) {
  const copy = svg.cloneNode(true);
  const own = [...svg.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((node, at) => {
    const style = getComputedStyle(own[at]);
    for (const name of DRAWN) node.setAttribute(name, style.getPropertyValue(name));
  });
  copy.setAttribute("width", SHARPNESS * CELL.width);
  copy.setAttribute("height", SHARPNESS * CELL.figure);
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
}
