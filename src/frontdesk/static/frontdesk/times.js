// Shows times in the browser's time zone. Without this script, pages show those of Django's time zone.
(() => {
  const locale = document.documentElement.lang || undefined;
  let format;
  try {
    format = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  } catch {
    return; // The page's language has a name that the browser does not know.
  }
  const zone = format.resolvedOptions().timeZone;
  if (!zone) return;
  for (const time of document.querySelectorAll("time[data-fd-moment]")) {
    time.textContent = format.format(new Date(time.dateTime));
  }
  for (const name of document.querySelectorAll("[data-fd-zone]")) {
    name.textContent = zone;
  }
})();
