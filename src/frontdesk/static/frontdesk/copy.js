// Shows a button that copies the text of a field. Without this script, users select and copy it themselves.
(() => {
  if (!navigator.clipboard) return; // Browsers offer it over HTTPS only.
  for (const button of document.querySelectorAll("[data-fd-copy]")) {
    const field = document.getElementById(button.dataset.fdCopy);
    button.hidden = false;
    button.addEventListener("click", async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
      } catch {
        return; // The text is selected, so the user can copy it.
      }
      button.textContent = button.dataset.fdDone;
      document.querySelector("[data-fd-copied]").textContent = button.dataset.fdDone;
    });
  }
})();
