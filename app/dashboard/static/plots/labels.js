// Where labels of marked points stand so that none lies on another, or on a point.

const PLACES = ["bottom right", "bottom left", "top right", "top left", "bottom center", "top center"];
const AWAY = 10; // pixels from a point's middle to its label
const POINT = 8; // from a point's middle to its edge
const LETTER = { width: 7.5, height: 14 };

/**
 * A `textposition` of plotly for every point; the first place that is free, else the freest one.
 * @param points `{x, y, text}` in pixels, y downwards.
 */
export function labelPlaces(points) {
  const taken = points.map(({ x, y }) => ({ left: x - POINT, right: x + POINT, top: y - POINT, bottom: y + POINT }));
  return points.map((point) => {
    const offered = PLACES.map((place) => ({ place, box: boxOf(point, place) }));
    const covered = offered.map(({ box }) => taken.reduce((sum, other) => sum + overlap(box, other), 0));
    const { place, box } = offered[covered.indexOf(Math.min(...covered))];
    taken.push(box);
    return place;
  });
}

function boxOf({ x, y, text }, place) {
  const width = LETTER.width * text.length;
  const [upright, across] = place.split(" ");
  const left = { left: x - AWAY - width, center: x - width / 2, right: x + AWAY }[across];
  const top = upright === "top" ? y - AWAY - LETTER.height : y + AWAY;
  return { left, right: left + width, top, bottom: top + LETTER.height };
}

function overlap(a, b) {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return Math.max(0, width) * Math.max(0, height);
}
