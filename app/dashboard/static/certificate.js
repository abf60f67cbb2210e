// Deciding about a stored answer, and printing it.

import { post } from "./posting.js";
import { problemOf } from "./problems.js";

const root = document.querySelector("main[data-recommendation]");
const form = document.getElementById("decide");

document.getElementById("print").addEventListener("click", () => window.print());
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = new FormData(form);
  const path = `/v1/recommendations/${root.dataset.recommendation}:${event.submitter.value}`;
  const response = await post(path, { by: said.get("by"), note: said.get("note") });
  if (response?.ok) location.reload();
  else document.getElementById("decide-problem").textContent = await problemOf(response);
});
root.dataset.ready = "";
