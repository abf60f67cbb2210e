// Pausing, stopping and resuming a study: asked about first where it cannot be undone.

import { post } from "../posting.js";
import { problemOf } from "../problems.js";

const at = (id) => document.getElementById(id);

/** Has the buttons of the header do what they say, and calls `then` once it is done. */
export function offerActions(studyId, then) {
  // The header is drawn anew as the study moves, so it is the header that listens.
  at("header").addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-action]");
    if (!button || button.disabled) return;
    const { action, question } = button.dataset;
    if (question && !(await agreed(question, button.textContent))) return;
    button.disabled = true;
    const response = await post(`/v1/studies/${studyId}:${action}`, {});
    at("action-problem").textContent = response?.ok ? "" : await problemOf(response);
    await then();
    button.disabled = false;
    if (document.activeElement === document.body) at("header").querySelector("[data-action]")?.focus();
  });
}

function agreed(question, words) {
  const dialog = at("confirm");
  at("confirm-question").textContent = question;
  at("confirm-yes").textContent = words;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
