// What every page of the owner's has.

import { localise } from "./times.js";

localise();

// Browsers say little while they wait for the next page.
const root = document.documentElement;
const start = () => root.classList.add("loading");
addEventListener("submit", (event) => {
  if (!event.defaultPrevented && event.target.method !== "dialog") start();
});
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const url = new URL(link.href.baseVal ?? link.href, location.href);
  const isHere = url.pathname === location.pathname && url.search === location.search;
  if (url.origin === location.origin && !link.target && !link.hasAttribute("download") && !(isHere && url.hash)) start();
});
addEventListener("pageshow", () => root.classList.remove("loading"));
