// Light, dark, or as the system says: set before anything is painted, and kept in this browser.

(() => {
  const root = document.documentElement;
  const apply = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  let kept = "";
  try {
    kept = localStorage.getItem("theme") ?? "";
  } catch {
    // a browser that keeps nothing follows the system
  }
  apply(kept);
  document.addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    choice.closest("label").hidden = false;
    choice.value = kept;
    choice.addEventListener("change", () => {
      apply(choice.value);
      try {
        localStorage.setItem("theme", choice.value);
      } catch {
        // it then holds for this page alone
      }
      root.dispatchEvent(new Event("themechange"));
    });
  });
})();
