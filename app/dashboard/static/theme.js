// Light, dark, or as the system says: chosen here, kept in a cookie, and in the page as it comes.

(() => {
  const longestSeconds = 400 * 24 * 3600; // that a browser keeps a cookie
  const root = document.documentElement;
  const choice = document.getElementById("theme");
  choice.value = root.dataset.theme ?? "";
  choice.closest("label").hidden = false;
  choice.addEventListener("change", () => {
    const theme = choice.value;
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    const age = theme ? longestSeconds : 0;
    document.cookie = `widthwise_theme=${theme}; path=/; max-age=${age}; samesite=lax`;
    root.dispatchEvent(new Event("themechange"));
  });
})();
