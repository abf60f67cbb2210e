// Trials across their hyperparameters: one line a trial over parallel axes, on two canvases as the
// learning curves are. An axis that is dragged along keeps the trials that pass there.

import { colour } from "../plots/colours.js";
import { Scale, written } from "../curves/scale.js";

const MARGIN = { left: 56, right: 56, top: 40, bottom: 14 };
const AXIS_WIDTH = 120; // at least, before the plot is scrolled
const AXIS_REACH = 18;
const LINE_REACH = 24;
const BEST = 10;

export class ParallelAxes {
  #axes = [];
  #lines = [];
  #kept = new Map(); // by the name of an axis: the range that is kept
  #drag = null;
  #read;

  constructor(element, onRead) {
    this.element = element;
    this.#read = onRead;
    this.base = element.appendChild(document.createElement("canvas"));
    this.top = element.appendChild(document.createElement("canvas"));
    new ResizeObserver(() => this.draw()).observe(element);
    this.top.addEventListener("pointerdown", (event) => this.#press(event));
    this.top.addEventListener("pointermove", (event) => this.#move(event));
    this.top.addEventListener("pointerup", (event) => this.#release(event));
    this.top.addEventListener("pointerleave", () => this.#overlay(null));
  }

  /** @param axes `{name, log}`. @param lines `{name, rank, values}`, a value an axis. */
  show(axes, lines) {
    this.#axes = axes.map((axis, at) => ({ ...axis, ...range(lines.map((one) => one.values[at])) }));
    this.#lines = lines;
    this.#kept.clear();
    this.element.style.minWidth = `${AXIS_WIDTH * axes.length}px`;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const sharp = devicePixelRatio || 1;
    for (const canvas of [this.base, this.top]) {
      [canvas.width, canvas.height] = [width * sharp, height * sharp];
      canvas.getContext("2d").setTransform(sharp, 0, 0, sharp, 0, 0);
    }
    const step = (width - MARGIN.left - MARGIN.right) / Math.max(1, this.#axes.length - 1);
    this.#axes.forEach((axis, at) => {
      axis.x = MARGIN.left + at * step;
      axis.scale = new Scale(axis.low, axis.high, height - MARGIN.bottom, MARGIN.top, axis.log);
    });
    const pen = this.base.getContext("2d");
    const shown = this.#shown();
    for (const one of shown.filter((one) => one.rank >= BEST)) this.#line(pen, one);
    for (const one of shown.filter((one) => one.rank < BEST)) this.#line(pen, one);
    for (const axis of this.#axes) this.#axis(pen, axis);
    this.#read(this.#kept.size ? `${shown.length} of ${this.#lines.length} trials are kept` : "");
  }

  #shown() {
    const kept = this.#axes.flatMap(({ name }, at) => (this.#kept.has(name) ? [[at, ...this.#kept.get(name)]] : []));
    return this.#lines.filter(({ values }) =>
      kept.every(([at, low, high]) => this.#place(at, values) >= low && this.#place(at, values) <= high),
    );
  }

  #place(at, values) {
    const { names, scale } = this.#axes[at];
    return scale.pixel(names ? names.indexOf(String(values[at])) : values[at]);
  }

  #line(pen, one, strong = false) {
    const best = one.rank < BEST;
    pen.strokeStyle = colour(strong ? "ink" : best ? "accent" : "muted");
    pen.globalAlpha = strong || best ? 1 : 0.35;
    pen.lineWidth = strong ? 2.5 : best ? 1.75 : 1;
    pen.beginPath();
    this.#axes.forEach(({ x }, at) => pen.lineTo(x, this.#place(at, one.values)));
    pen.stroke();
    pen.globalAlpha = 1;
  }

  #axis(pen, { name, x, scale, names }) {
    pen.strokeStyle = pen.fillStyle = colour("muted");
    pen.lineWidth = 1;
    pen.strokeRect(x, scale.to, 0, scale.from - scale.to);
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.fillText(name.replaceAll("_", " "), x, 16);
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "left";
    for (const [at, text] of names ? names.map((one, at) => [at, one]) : ticksOf(scale)) {
      this.#label(pen, text, x + 5, scale.pixel(at) + 4);
    }
    if (this.#kept.has(name)) {
      const [low, high] = this.#kept.get(name);
      pen.strokeStyle = colour("accent");
      pen.lineWidth = 4;
      pen.strokeRect(x, low, 0, high - low);
    }
  }

  /** Readable above the lines that run behind it. */
  #label(pen, text, x, y) {
    pen.lineWidth = 3;
    pen.strokeStyle = colour("surface");
    pen.strokeText(text, x, y);
    pen.fillText(text, x, y);
  }

  #where(event) {
    const { left, top } = this.top.getBoundingClientRect();
    return { px: event.clientX - left, py: event.clientY - top };
  }

  #press(event) {
    const { px, py } = this.#where(event);
    const axis = this.#axes.find(({ x }) => Math.abs(x - px) <= AXIS_REACH);
    if (!axis) return;
    this.#drag = { name: axis.name, py };
    this.top.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const { px, py } = this.#where(event);
    if (this.#drag) this.#keep(py);
    else this.#overlay(this.#nearest(px, py));
  }

  #keep(py) {
    const { name, py: from } = this.#drag;
    this.#kept.set(name, [Math.min(from, py), Math.max(from, py)]);
    this.#overlay(null);
    this.draw();
  }

  #release(event) {
    if (!this.#drag) return;
    const { py } = this.#where(event);
    if (Math.abs(py - this.#drag.py) < 4) this.#kept.delete(this.#drag.name);
    this.#drag = null;
    this.draw();
  }

  #nearest(px, py) {
    const right = this.#axes.findIndex(({ x }) => x >= px);
    if (right < 1) return null;
    const [a, b] = [this.#axes[right - 1].x, this.#axes[right].x];
    const share = (px - a) / (b - a);
    let [found, least] = [null, LINE_REACH];
    for (const one of this.#shown()) {
      const [from, to] = [this.#place(right - 1, one.values), this.#place(right, one.values)];
      const away = Math.abs(from + share * (to - from) - py);
      if (away < least) [found, least] = [one, away];
    }
    return found;
  }

  #overlay(one) {
    const pen = this.top.getContext("2d");
    pen.clearRect(0, 0, this.element.clientWidth, this.element.clientHeight);
    if (!one) return;
    this.#line(pen, one, true);
    const values = this.#axes.map(({ name, names }, at) => {
      const value = one.values[at];
      return `${name.replaceAll("_", " ")} ${names ? value : written(Number(value.toPrecision(4)))}`;
    });
    this.#read(`${one.name}: ${values.join(", ")}`);
  }
}

/** Both ends of an axis, and what lies well between them. */
function ticksOf(scale) {
  const ends = [scale.value(scale.from), scale.value(scale.to)];
  const apart = (at) => ends.every((end) => Math.abs(scale.pixel(end) - scale.pixel(at)) >= 16);
  const short = (at) => [at, written(Number(at.toPrecision(3)))];
  return [...ends, ...scale.ticks(5).filter(apart)].map(short);
}

/** Of numbers from the least to the greatest; of names by the order in which they come. */
function range(values) {
  if (values.some((value) => typeof value !== "number")) {
    const names = [...new Set(values.map(String))];
    return { names, low: -0.5, high: names.length - 0.5, log: false };
  }
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? { low: low - Math.abs(low) / 2 - 1e-12, high: high + Math.abs(high) / 2 + 1e-12, log: false } : { low, high };
}
