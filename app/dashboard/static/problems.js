// Why a request was refused, in the words of the service.

export async function problemOf(response) {
  if (!response) return "The service does not answer. Try again.";
  const problem = await response.json().catch(() => ({}));
  const errors = (problem.errors ?? []).map((one) => one.detail).filter(Boolean);
  return errors.join(" ") || problem.detail || `The service answered ${response.status}.`;
}
