// Light or dark, before anything is drawn: a plain script, since a module would come after the first picture.
// Remembered in this browser only; without a choice it goes by the system.
{
  const KEY = "levqor-errors-theme";
  const root = document.documentElement;

  const read = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage is switched off
    }
  };
  const show = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  root.classList.add("js");
  show(read());
  document.addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    if (!choice) return;
    choice.value = root.dataset.theme ?? "auto";
    choice.addEventListener("change", () => {
      show(choice.value);
      try {
        localStorage.setItem(KEY, choice.value);
      } catch {
        // It holds for this page, then.
      }
    });
  });
  // Another tab has chosen.
  addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    show(event.newValue);
    const choice = document.getElementById("theme");
    if (choice) choice.value = root.dataset.theme ?? "auto";
  });
}
