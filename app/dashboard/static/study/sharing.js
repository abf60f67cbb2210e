// A link for readers who have no key: made where its owner asks for it, and copied.

import { copy } from "../copying.js";
import { post } from "../posting.js";
import { problemOf } from "../problems.js";

const at = (id) => document.getElementById(id);

/** Has the header's button make a link to the study, and say it. */
export function offerSharing(studyId) {
  // The header is drawn anew as the study moves, so it is the header that listens.
  at("header").addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-share]");
    if (!button || button.disabled) return;
    button.disabled = true;
    const response = await post(`/v1/studies/${studyId}/share-links`, { name: "made on the study's page" });
    at("action-problem").textContent = response?.ok ? "" : await problemOf(response);
    if (response?.ok) await show(await response.json());
    button.disabled = false;
    button.focus();
  });
}

async function show({ path, expires_at: end }) {
  const address = new URL(path, location.href).href;
  const link = Object.assign(document.createElement("a"), { href: address, textContent: address });
  const copied = (await copy(address)) ? "Copied" : "Copy it";
  const until = new Date(end).toLocaleDateString();
  at("shared").replaceChildren(`${copied}: whoever has this link can read the study until ${until}. `, link);
}
