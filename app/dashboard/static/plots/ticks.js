// Ticks of a logarithmic axis, written as whole numbers: plotly would write 10, 2, 5, 100.

const MOST = 7;
const MANTISSAS = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]];
const LINEAR_BELOW = 4; // the highest over the lowest value, where steps are still even to the eye

/** Settings of a logarithmic axis for the values that are drawn along it. */
export function logAxis(values) {
  const drawn = values.filter((value) => value > 0);
  if (drawn.length === 0) return { type: "log" };
  const ends = [Math.min(...drawn), Math.max(...drawn)];
  const margin = Math.max(0.05 * Math.log10(ends[1] / ends[0]), 0.03);
  const range = [Math.log10(ends[0]) - margin, Math.log10(ends[1]) + margin];
  const tickvals = logTicks(10 ** range[0], 10 ** range[1]);
  return { type: "log", range, tickvals, ticktext: tickvals.map(written) };
}

/** Round numbers between two positive ones, at most seven. */
export function logTicks(low, high) {
  if (high / low < LINEAR_BELOW) return evenTicks(low, high);
  const decades = [];
  for (let at = Math.floor(Math.log10(low)); 10 ** at <= high; at++) decades.push(at);
  for (const mantissas of MANTISSAS) {
    const found = decades.flatMap((at) => mantissas.map((one) => rounded(one * 10 ** at)));
    const within = found.filter((at) => at >= low && at <= high);
    if (within.length <= MOST) return within;
  }
  const every = Math.ceil(decades.length / MOST);
  return decades.filter((at) => at % every === 0 && 10 ** at >= low).map((at) => 10 ** at);
}

function evenTicks(low, high) {
  const rough = (high - low) / (MOST - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((times) => times * power >= rough) * power;
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(rounded(at));
  return found;
}

const rounded = (value) => Number(value.toPrecision(6));

function written(value) {
  if (value >= 1e-3 && value < 1e6) return value.toLocaleString("en", { maximumSignificantDigits: 6 });
  const power = Math.floor(Math.log10(value) + 1e-9);
  const mantissa = rounded(value / 10 ** power);
  return `${mantissa === 1 ? "" : `${mantissa}×`}10<sup>${String(power).replace("-", "\u2212")}</sup>`;
}
