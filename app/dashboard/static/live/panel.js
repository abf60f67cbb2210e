// Brings the parts of a page that are marked live up to date. Only nodes that differ are touched, so
// focus, selection, scroll and open details stay.

export async function refresh() {
  const headers = { Accept: "text/html" };
  const response = await fetch(window.location.href, { headers }).catch(() => null);
  if (!response?.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const counterpart = fresh.getElementById(part.id);
    if (counterpart) patch(part, counterpart);
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
