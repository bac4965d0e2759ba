// Pictures follow the button for light and dark, as site.css lets charts do. The condition of a <source> asks the
// system only, so it is replaced by one that always or never holds.
const ASKS_SYSTEM = "(prefers-color-scheme: dark)";
const CONDITIONS = { auto: ASKS_SYSTEM, dark: "(min-width: 0)", light: "(max-width: 0)" };
const darkSources = [...document.querySelectorAll(`source[media*="${ASKS_SYSTEM}"]`)];
const written = darkSources.map((source) => source.media);

function follow() {
  const condition = CONDITIONS[document.body.dataset.theme];
  darkSources.forEach((source, i) => (source.media = written[i].replace(ASKS_SYSTEM, condition)));
}

follow();
new MutationObserver(follow).observe(document.body, { attributeFilter: ["data-theme"] });
