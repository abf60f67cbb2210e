// From values to pixels and back, and the ticks of an axis.

export class Scale {
  constructor(low, high, from, to, log = false) {
    this.log = log;
    this.place = log ? Math.log10 : (value) => value;
    [this.low, this.high] = [this.place(low), this.place(high)];
    [this.from, this.to] = [from, to];
    this.factor = (to - from) / (this.high - this.low || 1);
  }

  pixel(value) {
    return this.from + (this.place(value) - this.low) * this.factor;
  }

  value(pixel) {
    const at = this.low + (pixel - this.from) / this.factor;
    return this.log ? 10 ** at : at;
  }

  ticks(most) {
    const span = this.high - this.low;
    if (!(span > 0)) return [];
    if (this.log && span >= 1) {
      const powers = [];
      for (let at = Math.ceil(this.low); at <= this.high; at++) powers.push(10 ** at);
      return powers;
    }
    const [low, high] = [this.value(this.from), this.value(this.to)];
    const rough = (high - low) / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((times) => times * power >= rough) * power;
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
    return found;
  }
}

export function written(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(1);
  return String(Number(value.toPrecision(6)));
}
