// Says that there are new errors, without moving what one is reading: the list stays as it is until one asks for them.

/** For a screen reader at most so often. */
const SAY_MS = 30_000;
/** Before another try where the browser has given up. */
const WAITS_MS = [2_000, 5_000, 15_000, 60_000];
/** Ids that are known: of the page, and of the latest that were told. Only the last of what was told may come twice. */
const KNOWN = 500;

function follow(live) {
  const state = live.querySelector(".live-state");
  const news = live.querySelector(".live-news");
  const said = live.querySelector(".live-said");
  const url = new URL(live.dataset.stream, location.href);
  const known = new Set(live.dataset.shown.split(" "));
  const number = new Intl.NumberFormat("en");
  // The list as it was asked for, whatever is shown over it by then.
  news.href = location.pathname + location.search;

  let source = null;
  let tabs = null;
  let failures = 0;
  let mark = "";
  let count = 0;
  let missed = false;
  let retry = 0;
  let saying = 0;

  const tell = (name, text) => {
    state.dataset.state = name;
    state.firstElementChild.textContent = text;
  };

  const say = () => {
    if (saying || said.textContent === news.textContent) return;
    said.textContent = news.textContent;
    saying = setTimeout(() => {
      saying = 0;
      say();
    }, SAY_MS);
  };

  const show = () => {
    const errors = `${number.format(count)} new error${count === 1 ? "" : "s"}`;
    const text = count ? errors + (missed ? ", perhaps more" : "") : "There may be new errors";
    news.textContent = `${text} – show`;
    news.hidden = false;
    mark = `(${count || ""}${missed ? "+" : ""}) `;
    entitle();
    say();
  };

  // The title is that of a dialog at times, and again that of the page.
  const entitle = () => {
    const title = mark && mark + document.title.replace(/^\(\d*\+?\) /, "");
    if (title && document.title !== title) document.title = title;
  };
  new MutationObserver(entitle).observe(document.querySelector("title"), { childList: true });

  const add = (event, more) => {
    if (event.lastEventId) url.searchParams.set("after", event.lastEventId);
    if (!more) return;
    count += more;
    show();
  };

  const isNew = (id) => {
    if (known.has(id)) return false;
    known.add(id);
    if (known.size > KNOWN) known.delete(known.values().next().value);
    return true;
  };

  const open = () => {
    clearTimeout(retry);
    if (source) return;
    // A browser has six connections to a server for all of its tabs (HTTP/1.1), and a stream takes one. So of the tabs
    // that are not seen only the last one that was keeps its stream; the others catch up when they are seen again.
    tabs = new BroadcastChannel("levqor-errors-live");
    tabs.addEventListener("message", () => document.hidden && close());
    tabs.postMessage("");
    source = new EventSource(url);
    source.addEventListener("open", () => {
      failures = 0;
      tell("live", "Live");
    });
    source.addEventListener("error", () => {
      // Mostly the browser tries again by itself.
      if (source.readyState === EventSource.CLOSED) lost();
      else tell("trouble", "Reconnecting");
    });
    source.addEventListener("new", (event) => add(event, isNew(String(JSON.parse(event.data).id)) ? 1 : 0));
    source.addEventListener("more", (event) => add(event, JSON.parse(event.data).count));
    source.addEventListener("missed", (event) => {
      missed = true;
      add(event, 0);
      show();
    });
  };

  const close = () => {
    clearTimeout(retry);
    source?.close();
    tabs?.close();
    source = tabs = null;
    tell("", "Paused");
  };

  // An answer that is no stream; the browser does not say which.
  const lost = async () => {
    close();
    tell("trouble", "Reconnecting");
    const wait = WAITS_MS[Math.min(failures++, WAITS_MS.length - 1)];
    const status = await fetch(url, { method: "HEAD" }).then((answer) => answer.status, () => 0);
    if (status === 401) tell("trouble", "Signed out");
    else retry = setTimeout(open, wait);
  };

  document.addEventListener("visibilitychange", () => document.hidden || open());
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && open());
  if (!document.hidden) open();
}

const live = document.getElementById("live");
if (live) follow(live);
