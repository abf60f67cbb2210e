// How old what is shown may be, in words, beside the title.

let heard = null;
let connected = false;
let clock = null;

export function showFreshness(isConnected) {
  connected = isConnected;
  if (isConnected) heard = Date.now();
  clock ??= setInterval(write, 1000);
  write();
}

function write() {
  const place = document.getElementById("freshness");
  if (!place) return;
  const age = heard === null ? null : Math.round((Date.now() - heard) / 1000);
  const words = connected ? "live, updated" : "connection lost, trying again; as of";
  place.textContent = age === null ? "not connected, trying again" : `${words} ${age} s ago`;
  place.classList.toggle("trouble", !connected);
}
