// Thousands of curves on two canvases: one holds the curves, drawn in slices between frames, one
// above it what follows the pointer. Reading a curve therefore redraws one curve.

import { colour } from "../plots/colours.js";
import { nearest, robustRange, smoothed } from "./series.js";
import { Scale, written } from "./scale.js";

const MARGIN = { left: 64, right: 12, top: 12, bottom: 40 };
const TITLE_AT = 12; // from the left edge to the foot of the title of the upright axis
const SLICE_MS = 8; // of drawing before the page may answer its reader again
const REACH = 40; // pixels within which a curve is read

export class CurveCanvas {
  #series = [];
  #shown = [];
  #box = null; // what a zoom shows: {x: [low, high], y: [low, high]}
  #drag = null;
  #turn = 0;
  #options = { smooth: 0, log: false, title: "" };
  #read;

  constructor(element, onRead) {
    this.#read = onRead;
    this.base = element.appendChild(document.createElement("canvas"));
    this.top = element.appendChild(document.createElement("canvas"));
    this.element = element;
    new ResizeObserver(() => this.draw()).observe(element);
    this.top.addEventListener("pointermove", (event) => this.#move(event));
    this.top.addEventListener("pointerdown", (event) => this.#press(event));
    this.top.addEventListener("pointerup", (event) => this.#release(event));
    this.top.addEventListener("pointerleave", () => this.#overlay(null));
    this.top.addEventListener("dblclick", () => this.zoom(null));
  }

  /** @param series `{name, xs, values, width, rank}`; the lowest ranks are drawn in colour. */
  show(series, options) {
    const same = this.#series === series && options.smooth === this.#options.smooth;
    this.#options = options;
    if (!same) this.#shown = series.map((one) => ({ ...one, ys: smoothed(one.values, options.smooth) }));
    this.#series = series;
    return this.draw();
  }

  zoom(factor) {
    if (factor === null) this.#box = null;
    else {
      const about = ([low, high], log) => {
        const [a, b] = log ? [Math.log(low), Math.log(high)] : [low, high];
        const [middle, half] = [(a + b) / 2, ((b - a) / 2) * factor];
        return [middle - half, middle + half].map((at) => (log ? Math.exp(at) : at));
      };
      const { x, y } = this.#ranges();
      this.#box = { x: about(x, false), y: about(y, this.#options.log) };
    }
    return this.draw();
  }

  /** Draw everything; resolves when the last slice is drawn, to the milliseconds it took. */
  async draw() {
    const turn = ++this.#turn;
    const begun = performance.now();
    this.#fit();
    const pen = this.base.getContext("2d");
    this.#axes(pen);
    pen.save();
    pen.beginPath();
    pen.rect(this.x.from, this.y.to, this.x.to - this.x.from, this.y.from - this.y.to);
    pen.clip();
    const plain = this.#shown.filter((one) => one.rank >= 10);
    const best = this.#shown.filter((one) => one.rank < 10).sort((a, b) => b.rank - a.rank);
    let slice = performance.now();
    for (const one of [...plain, ...best]) {
      this.#line(pen, one);
      if (performance.now() - slice > SLICE_MS) {
        await new Promise(requestAnimationFrame);
        if (turn !== this.#turn) return null;
        slice = performance.now();
      }
    }
    pen.restore();
    return performance.now() - begun;
  }

  #ranges() {
    if (this.#box) return this.#box;
    let last = 1;
    for (const { xs } of this.#shown) last = Math.max(last, xs[xs.length - 1] ?? 1);
    return { x: [0, last], y: robustRange(this.#shown, this.#options.log) };
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const sharp = devicePixelRatio || 1;
    for (const canvas of [this.base, this.top]) {
      [canvas.width, canvas.height] = [width * sharp, height * sharp];
      canvas.getContext("2d").setTransform(sharp, 0, 0, sharp, 0, 0);
    }
    const { x, y } = this.#ranges();
    this.x = new Scale(...x, MARGIN.left, width - MARGIN.right);
    this.y = new Scale(...y, height - MARGIN.bottom, MARGIN.top, this.#options.log);
  }

  #axes(pen) {
    [pen.font, pen.lineWidth] = ["12px system-ui, sans-serif", 1];
    [pen.fillStyle, pen.strokeStyle] = [colour("muted"), colour("line")];
    pen.textAlign = "right";
    for (const at of this.y.ticks(6)) {
      const place = Math.round(this.y.pixel(at)) + 0.5;
      pen.strokeRect(this.x.from, place, this.x.to - this.x.from, 0);
      pen.fillText(written(at), this.x.from - 8, place + 4);
    }
    pen.textAlign = "center";
    for (const at of this.x.ticks(8)) {
      pen.fillText(written(at), this.x.pixel(at), this.y.from + 18);
    }
    pen.fillText("updates", (this.x.from + this.x.to) / 2, this.y.from + 34);
    pen.save();
    pen.translate(TITLE_AT, (this.y.from + this.y.to) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(this.#options.title, 0, 0);
    pen.restore();
  }

  #line(pen, one, strong = false) {
    const best = one.rank < 10;
    pen.strokeStyle = strong ? colour("ink") : one.colour(best);
    pen.globalAlpha = strong || best ? 1 : 0.35;
    pen.lineWidth = strong ? 2.5 : best ? 1.75 : 1;
    pen.beginPath();
    const pixels = this.x.to - this.x.from;
    const stride = Math.max(1, Math.floor(one.xs.length / pixels));
    for (let at = 0; at < one.xs.length; at += stride) pen.lineTo(this.x.pixel(one.xs[at]), this.y.pixel(one.ys[at]));
    pen.stroke();
    pen.globalAlpha = 1;
  }

  #place(event) {
    const { left, top } = this.top.getBoundingClientRect();
    return { px: event.clientX - left, py: event.clientY - top };
  }

  #move(event) {
    const place = this.#place(event);
    if (this.#drag) this.#overlay(null, place);
    else {
      const step = this.x.value(place.px);
      this.#overlay(nearest(this.#shown, step, place.py, (value) => this.y.pixel(value), REACH));
    }
  }

  #overlay(found, corner = null) {
    const pen = this.top.getContext("2d");
    pen.clearRect(0, 0, this.element.clientWidth, this.element.clientHeight);
    if (found) {
      const { one, index } = found;
      this.#line(pen, one, true);
      pen.beginPath();
      pen.arc(this.x.pixel(one.xs[index]), this.y.pixel(one.ys[index]), 4, 0, 7);
      pen.fillStyle = colour("ink");
      pen.fill();
      this.#read(`${one.name}: ${written(one.ys[index])} after ${one.xs[index].toLocaleString("en")} updates`);
    } else this.#read("");
    if (corner && this.#drag) {
      pen.strokeStyle = colour("accent");
      pen.strokeRect(this.#drag.px, this.#drag.py, corner.px - this.#drag.px, corner.py - this.#drag.py);
    }
  }

  #press(event) {
    this.#drag = this.#place(event);
    this.top.setPointerCapture(event.pointerId);
  }

  #release(event) {
    const [from, to] = [this.#drag, this.#place(event)];
    this.#drag = null;
    this.#overlay(null);
    if (!from || Math.abs(to.px - from.px) < 8 || Math.abs(to.py - from.py) < 8) return;
    const ordered = (a, b) => (a < b ? [a, b] : [b, a]);
    this.#box = {
      x: ordered(this.x.value(from.px), this.x.value(to.px)),
      y: ordered(this.y.value(from.py), this.y.value(to.py)),
    };
    this.draw();
  }
}
