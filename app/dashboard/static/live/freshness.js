// How old what is shown may be, in words, beside the title.

const SAID = {
  heard: "Live again.",
  lost: "Connection lost, trying again.",
  ended: "Logged out: log in again to go on.",
};

let heard = null;
let state = null;
let clock = null;

/** @param now "heard" where the service just spoke, "lost", or "ended" with what let the page read. */
export function showFreshness(now) {
  if (now === "heard") heard = Date.now();
  if (state !== null && now !== state) announce(SAID[now]);
  state = now;
  clock ??= setInterval(write, 1000);
  write();
}

function write() {
  const place = document.getElementById("freshness");
  if (!place) return;
  place.classList.toggle("trouble", state !== "heard");
  if (state === "ended") {
    if (!place.querySelector("a")) place.replaceChildren("logged out: ", wayBack());
    return;
  }
  const age = heard === null ? null : Math.round((Date.now() - heard) / 1000);
  const words = state === "heard" ? "live, updated" : "connection lost, trying again; as of";
  place.textContent = age === null ? "not connected, trying again" : `${words} ${age} s ago`;
}

function wayBack() {
  const here = encodeURIComponent(location.pathname + location.search);
  return Object.assign(document.createElement("a"), { href: `/login?next=${here}`, textContent: "log in again" });
}

function announce(words) {
  const place = document.getElementById("announcer");
  if (place) place.textContent = words;
}
