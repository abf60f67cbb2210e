// A study's standing in cells that the server has written first: only what differs is touched.

/** Write `study.standing` into the cells under `root`; true if the state is another one. */
export function showStanding(root, study) {
  const { standing, state } = study;
  for (const [name, words] of Object.entries(standing.words)) {
    for (const cell of root.querySelectorAll(`[data-cell="${name}"]`)) {
      if (cell.textContent !== words) cell.textContent = words;
    }
  }
  for (const bar of root.querySelectorAll("progress[data-whole]")) bar.value = standing.fraction;
  reclass(root, "state", `state state-${state}`);
  const concluded = standing.check ? `check-${standing.check}` : `verdict-${standing.verdict ?? "none"}`;
  reclass(root, "verdict", concluded);
  const moved = root.dataset.state !== state;
  root.dataset.state = state;
  return moved;
}

/** Say a change to screen readers: changes of state, and nothing that merely counts on. */
export function announce(study) {
  const name = study.name || study.id;
  document.getElementById("announcer").textContent = `${name} is now ${study.state}.`;
}

function reclass(root, cell, classes) {
  for (const node of root.querySelectorAll(`[data-cell="${cell}"]`)) node.className = classes;
}
