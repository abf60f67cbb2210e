// Series of numbers: smoothed, ranged, and searched for the one nearest to a point.

/** Exponential moving average whose memory is `keep`, corrected for its start. */
export function smoothed(values, keep) {
  if (keep <= 0) return values;
  const made = new Float32Array(values.length);
  let [sum, weight] = [0, 0];
  for (let at = 0; at < values.length; at++) {
    sum = keep * sum + (1 - keep) * values[at];
    weight = keep * weight + 1 - keep;
    made[at] = sum / weight;
  }
  return made;
}

/** A range in which most of the values lie: a few that blow up do not crush the others. */
export function robustRange(series, log) {
  const seen = [];
  for (const { ys } of series) {
    const stride = Math.max(1, Math.floor(ys.length / 50));
    for (let at = 0; at < ys.length; at += stride) {
      if (!log || ys[at] > 0) seen.push(ys[at]);
    }
  }
  if (seen.length === 0) return [0.1, 1];
  const sorted = Float32Array.from(seen).sort();
  const low = sorted[0];
  const high = sorted[Math.floor(0.98 * (sorted.length - 1))];
  if (low === high) return log ? [low / 2, 2 * low] : [low - 0.5, low + 0.5];
  return log ? [low / 1.05, high * 1.05] : [low - 0.04 * (high - low), high + 0.04 * (high - low)];
}

/** Index of the last step that is no later than `step`. */
export function indexAt(xs, step) {
  let [low, high] = [0, xs.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (xs[middle] <= step) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The series whose value at `step` is drawn nearest to the pixel `py`; null if none is near. */
export function nearest(series, step, py, toPixel, within) {
  let [found, least] = [null, within];
  for (const one of series) {
    if (one.xs.length === 0 || one.xs[one.xs.length - 1] < step || one.xs[0] > step) continue;
    const index = indexAt(one.xs, step);
    const away = Math.abs(toPixel(one.ys[index]) - py);
    if (away < least) [found, least] = [{ one, index }, away];
  }
  return found;
}
