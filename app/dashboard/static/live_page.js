// Keeps a study's page current: one event stream says that something changed, the page itself,
// fetched again, says what. Only nodes that differ are touched, so focus, selection and open
// details stay.

const FINAL = new Set(["completed", "cancelled", "failed"]);
const AT_MOST_EVERY_MS = 2000;

export function followStudy(studyId, lastEvent, onChange) {
  let stream = null;
  let cursor = lastEvent;
  let due = null;
  let looked = 0;

  const look = async () => {
    due = null;
    looked = Date.now();
    const response = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    if (!response.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    announce(fresh);
    for (const part of document.querySelectorAll("[data-live]")) {
      const counterpart = fresh.getElementById(part.id);
      if (counterpart) patch(part, counterpart);
    }
    await onChange();
  };
  const lookSoon = () => {
    due ??= setTimeout(look, Math.max(0, looked + AT_MOST_EVERY_MS - Date.now()));
  };
  const open = () => {
    if (stream || document.hidden || FINAL.has(state(document))) return;
    stream = new EventSource(`/v1/studies/${studyId}/events?after=${cursor}`);
    for (const kind of ["study.state", "check.finished", "trial.state", "trial.progress"]) {
      stream.addEventListener(kind, (event) => {
        cursor = event.lastEventId;
        lookSoon();
        if (kind === "study.state" && FINAL.has(JSON.parse(event.data).to)) close();
      });
    }
  };
  // A browser opens six connections to a host: pages nobody looks at hold none.
  const close = () => {
    stream?.close();
    stream = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  open();
}

function state(root) {
  return root.querySelector("[data-state]")?.dataset.state;
}

function announce(fresh) {
  const before = state(document);
  const after = state(fresh);
  if (after && after !== before) {
    document.getElementById("announcer").textContent = `The study is now ${after}.`;
  }
}

/** Make `node` equal to `wanted`, touching only what differs. */
function patch(node, wanted) {
  if (node.isEqualNode(wanted)) return;
  if (node.nodeType !== wanted.nodeType || node.nodeName !== wanted.nodeName) {
    node.replaceWith(document.importNode(wanted, true));
    return;
  }
  if (node.nodeType !== Node.ELEMENT_NODE) {
    node.nodeValue = wanted.nodeValue;
    return;
  }
  if (node.hasAttribute("data-keep")) return; // a plot draws itself
  patchAttributes(node, wanted);
  const [own, theirs] = [[...node.childNodes], [...wanted.childNodes]];
  theirs.forEach((child, at) => {
    if (at < own.length) patch(own[at], child);
    else node.append(document.importNode(child, true));
  });
  for (const extra of own.slice(theirs.length)) extra.remove();
}

function patchAttributes(node, wanted) {
  for (const { name, value } of wanted.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  for (const { name } of [...node.attributes]) {
    // `open` belongs to the reader of a details element, not to the server
    if (!wanted.hasAttribute(name) && name !== "open") node.removeAttribute(name);
  }
}
