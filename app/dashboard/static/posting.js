// Writing to the API: with the session's token, where the browser has logged in.

/** @param body a value to write as JSON, or a JSON text. */
export async function post(path, body, headers = {}) {
  const token = csrfToken();
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(token && { "X-CSRF-Token": token }), ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  }).catch(() => null);
}

export const hasSession = () => csrfToken() !== undefined;

function csrfToken() {
  return document.cookie.match(/(?:^|; )widthwise_csrf=([^;]*)/)?.[1];
}
