// What the pages of issues can do with scripts and need not: tick all, say how many are ticked, narrow at once, keys.
// j and k go up and down, x ticks, enter opens, e resolves.

const form = document.getElementById("triage");
const ticks = [...document.querySelectorAll('input[type="checkbox"][name="issue"]')];
const rows = ticks.map((tick) => tick.closest("li"));
const all = document.getElementById("all");
const chosen = document.getElementById("chosen");
let here = -1;

function tell() {
  const number = ticks.filter((tick) => tick.checked).length;
  chosen.textContent = number ? `With ${number} ticked:` : "Tick some, then:";
  all.checked = number === ticks.length;
  all.indeterminate = number > 0 && number < ticks.length;
  for (const button of form.querySelectorAll("button[name=do]")) {
    button.disabled = number < (button.value === "merge" ? 2 : 1);
  }
}

// What narrows the list does so at once.
document.querySelector("form.narrow")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());

if (all) {
  all.closest("label").hidden = false;
  all.addEventListener("change", () => {
    for (const tick of ticks) tick.checked = all.checked;
    tell();
  });
  form.addEventListener("change", tell);
  // The back button brings ticks back.
  addEventListener("pageshow", tell);
  tell();
}

function go(to) {
  if (!rows.length) return;
  rows[here]?.classList.remove("here");
  here = Math.max(0, Math.min(rows.length - 1, to));
  rows[here].classList.add("here");
  rows[here].querySelector("a.title").focus({ preventScroll: true });
  rows[here].scrollIntoView({ block: "nearest" });
}

function resolve() {
  if (here >= 0 && !ticks.some((tick) => tick.checked)) ticks[here].checked = true;
  if (chosen) tell();
  const button = form?.querySelector('button[value="resolve"]');
  if (button && !button.disabled) form.requestSubmit(button);
}

const keys = {
  j: () => go(here + 1),
  k: () => go(here - 1),
  x: () => {
    if (here < 0) return;
    ticks[here].checked = !ticks[here].checked;
    tell();
  },
  e: resolve,
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog")) return;
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
