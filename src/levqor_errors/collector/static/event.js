// The page of an event, opened in a dialog over the page that links to it. Without this, links are links.
//
// The address is the event's while the dialog is open: it can be shared and loaded anew. Back closes, and so do Escape and
// the button; forward opens it again. Newer and older ones take its place.

import "./copy.js";
import { localise } from "./times.js";

const EVENT = /\/owner\/errors\/\d+$/;
// On an event's own page links lead on, as everywhere.
const onItsOwnPage = EVENT.test(location.pathname);

let dialog = null;
let asked = null;
let title = "";

function isPlain(event) {
  return !(event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
}

// First of all, so that whoever looks at clicks on links sees that this one is taken.
addEventListener("click", taken, true);

function taken(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || onItsOwnPage || !isPlain(event) || link.target || link.origin !== location.origin) return;
  if (dialog?.open && link.matches(".back")) {
    event.preventDefault();
    dialog.close();
  } else if (EVENT.test(link.pathname)) {
    event.preventDefault();
    open(link.href);
  }
}

async function open(address, { known = false } = {}) {
  asked?.abort();
  asked = new AbortController();
  dialog?.setAttribute("aria-busy", "true");
  document.documentElement.classList.add("loading");
  let there;
  try {
    there = await read(address, asked.signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    // Signed out, removed, or no answer: the page itself says so best.
    if (known) location.reload();
    else location.assign(address);
    return;
  }
  document.documentElement.classList.remove("loading");
  show(there, address, known);
}

async function read(address, signal) {
  const answer = await fetch(address, { signal, headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const article = page.querySelector("main > article.event");
  if (!answer.ok || answer.redirected || !article) throw new Error("no event");
  await styled(page);
  return document.adoptNode(article);
}

// Whatever style its page has and this one has not.
async function styled(page) {
  const missing = [...page.querySelectorAll('link[rel="stylesheet"]')].filter(
    (link) => !document.querySelector(`link[rel="stylesheet"][href="${CSS.escape(link.getAttribute("href"))}"]`),
  );
  await Promise.all(
    missing.map((link) => {
      const own = document.createElement("link");
      own.rel = "stylesheet";
      own.href = link.getAttribute("href");
      const loaded = new Promise((done) => (own.onload = own.onerror = done));
      document.head.append(own);
      return loaded;
    }),
  );
}

function show(article, address, known) {
  dialog ??= made();
  const close = document.createElement("button");
  close.type = "button";
  close.className = "close";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  article.querySelector(".event-bar").append(close);
  localise(article);
  dialog.replaceChildren(article);
  dialog.removeAttribute("aria-busy");
  dialog.scrollTop = 0;
  dialog.setAttribute("aria-label", article.dataset.title);
  if (dialog.open) {
    if (!known) history.replaceState({ event: true }, "", address);
  } else {
    title = document.title;
    dialog.showModal();
    if (!known) history.pushState({ event: true }, "", address);
  }
  document.title = article.dataset.title;
  article.querySelector("h1").focus({ preventScroll: true });
}

function made() {
  const one = document.createElement("dialog");
  one.className = "event-dialog";
  one.addEventListener("click", (event) => {
    // The backdrop counts as the dialog itself.
    if (event.target === one) one.close();
  });
  one.addEventListener("close", () => {
    asked?.abort();
    document.documentElement.classList.remove("loading");
    document.title = title;
    one.replaceChildren();
    // Closed by Back, the address is the page's again.
    if (EVENT.test(location.pathname)) history.back();
  });
  one.addEventListener("keydown", keys);
  document.body.append(one);
  return one;
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const side = { j: "older", k: "newer", ArrowRight: "older", ArrowLeft: "newer" }[event.key];
  // Arrows move what is wider than the page.
  if (!side || (event.key.startsWith("Arrow") && event.target.closest("[tabindex='0']"))) return;
  event.preventDefault();
  event.stopPropagation();
  (dialog ?? document).querySelector(`a[data-beside="${side}"]`)?.click();
}

if (onItsOwnPage) {
  addEventListener("keydown", keys);
  // Loaded anew while it was in a dialog, the page before it is, to the browser, another state of this one.
  addEventListener("popstate", () => location.reload());
} else {
  addEventListener("popstate", () => {
    if (EVENT.test(location.pathname)) open(location.href, { known: true });
    else if (dialog?.open) dialog.close();
  });
}
