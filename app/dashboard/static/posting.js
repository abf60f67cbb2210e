// Writing to the API: with the session's token, where the browser has logged in.

export async function post(path, body) {
  const token = document.cookie.match(/(?:^|; )widthwise_csrf=([^;]*)/)?.[1];
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(token && { "X-CSRF-Token": token }) },
    body: JSON.stringify(body),
  }).catch(() => null);
}
