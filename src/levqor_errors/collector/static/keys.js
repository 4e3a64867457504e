// Keys for lists: j and k go down and up, e goes to the issue, / searches, ? helps. Enter is the browser's own, since
// the row that one is at has its link in focus.

const rows = [...document.querySelectorAll(".events > li")];
const help = document.getElementById("keys");

function go(by) {
  const at = rows.indexOf(document.activeElement?.closest(".events > li"));
  const row = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))];
  row?.querySelector("a").focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

const keys = {
  j: () => go(1),
  k: () => go(-1),
  e: () => {
    const issue = document.activeElement?.closest("[data-issue]")?.dataset.issue;
    if (issue) location.assign(issue);
  },
  "/": () => {
    const search = document.querySelector('main input[type="search"]');
    search?.focus();
    search?.select();
  },
  "?": () => help?.showModal(),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  // Whoever types, chooses or reads in a dialog means something else.
  if (document.querySelector("dialog[open]")) return;
  if (event.target.closest?.('input:not([type="checkbox"], [type="radio"]), textarea, select, [contenteditable]')) return;
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

for (const button of document.querySelectorAll('[data-opens="keys"]')) button.addEventListener("click", keys["?"]);
