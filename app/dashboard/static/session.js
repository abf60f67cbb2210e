// A browser that has logged in can log out.

if (/(?:^|; )widthwise_csrf=/.test(document.cookie)) {
  document.getElementById("log-out").hidden = false;
}
