// The changes of every study, as they happen, while this tab is seen.

import { Connection } from "./connection.js";
import { showFreshness } from "./freshness.js";

/** Calls `onChange({study, kinds})` for every study that changes after the event `cursor`. */
export function followChanges(cursor, onChange, onBeat = () => {}) {
  let latest = cursor;
  const hear = (kind, told, at) => {
    latest = at;
    showFreshness(kind === "lost" || kind === "ended" ? kind : "heard");
    if (kind === "change") onChange(told);
    if (kind === "beat") onBeat(told);
  };
  // What a tab misses while it is not seen is told again from where it stopped.
  const { start, stop } = sharedStream(hear, () => latest) ?? ownStream(hear, cursor);
  const look = () => (document.hidden ? stop() : start());
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", look);
  look();
}

function ownStream(hear, cursor) {
  const connection = new Connection(hear, cursor);
  return { start: () => connection.open(), stop: () => connection.close() };
}

function sharedStream(hear, cursor) {
  if (!("SharedWorker" in window)) return null;
  const worker = new SharedWorker(new URL("./shared_worker.js", import.meta.url), {
    type: "module",
    name: "changes",
  });
  worker.port.addEventListener("message", ({ data }) => hear(data.kind, data.told, data.cursor));
  worker.port.start();
  const say = (seen) => worker.port.postMessage({ seen, cursor: cursor() });
  return { start: () => say(true), stop: () => say(false) };
}
