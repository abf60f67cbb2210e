// A page whose live parts are fetched again after studies have changed, and now and then.

import { followChanges } from "./live/changes.js";
import { refresh } from "./live/panel.js";

const root = document.querySelector("main");
const AT_MOST_EVERY_MS = 3000;
let due = null;
let looked = Date.now();

async function look() {
  due = null;
  looked = Date.now();
  await refresh();
}

function lookSoon() {
  due ??= setTimeout(look, Math.max(0, looked + AT_MOST_EVERY_MS - Date.now()));
}

followChanges(root.dataset.lastEvent, lookSoon, lookSoon);
root.dataset.ready = "";
