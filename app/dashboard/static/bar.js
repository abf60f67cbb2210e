// The bar of every page: who has logged in can log out, and what is shown is in view among the
// places and tabs, which telephones show a part of.

import { hasSession } from "./posting.js";

document.getElementById("log-out").hidden = !hasSession();

for (const list of document.querySelectorAll(".places, .tabs")) {
  const current = list.querySelector("[aria-current]");
  // The list alone is scrolled: the page stays where its reader is.
  const show = () => {
    const [own, whole] = [current.getBoundingClientRect(), list.getBoundingClientRect()];
    list.scrollLeft += own.left + own.width / 2 - (whole.left + whole.width / 2);
  };
  if (current) new ResizeObserver(show).observe(list); // which tells of the first size, too
}
