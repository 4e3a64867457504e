// Buttons that copy what an element of the page says, or a field has: <button data-copies="its id">. They work in what is added later, too.

addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copies]");
  if (!button) return;
  const from = document.getElementById(button.dataset.copies);
  button.dataset.label ??= button.textContent;
  try {
    await copy(from.value ?? from.textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => (button.textContent = button.dataset.label), 2_000);
});

// On plain HTTP, but for localhost, browsers have no navigator.clipboard.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  // Within a dialog nothing outside of it can have the focus.
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("not copied");
}
