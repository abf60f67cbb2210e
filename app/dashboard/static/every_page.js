// A whole list, read page by page.

/** Every entry of a list, or null if a page cannot be read; `onPart` is told how many there are. */
export async function everyPage(path, field, onPart = () => {}) {
  const found = [];
  let token = "";
  do {
    const response = await fetch(token ? `${path}&page_token=${encodeURIComponent(token)}` : path).catch(() => null);
    if (!response?.ok) return null;
    const answer = await response.json();
    found.push(...answer[field]);
    token = answer.next_page_token;
    if (token) onPart(found.length);
  } while (token);
  return found;
}
