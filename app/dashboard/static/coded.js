// Words of the service in which what stands between backticks is code.

/** Writes the words into `place`, touching nothing where they already stand there. */
export function showCoded(place, words) {
  if (place.dataset.words === words) return;
  place.dataset.words = words;
  const parts = words.split("`").map((part, at) =>
    at % 2 ? Object.assign(document.createElement("code"), { textContent: part }) : part,
  );
  place.replaceChildren(...parts);
}
