/**
 * What happened on the way to an error: opt-in, and the only part of the client that changes what is the page's. What
 * it puts in place of a function calls that one first, and never fails where it did not.
 *
 * No text of the page, no value of a field and no query of an address is kept.
 */

import { hooks, nativeFetch } from "./state.js";

/** The latest are kept. */
const CRUMBS = 30;
const CHARS = 300;

/** What to record; navigation, fetch and clicks if nothing is said. */
export interface BreadcrumbKinds {
  navigation?: boolean;
  fetch?: boolean;
  clicks?: boolean;
  console?: boolean;
}

interface Breadcrumb {
  /** Seconds since 1970. */
  at: number;
  level: string;
  category: string;
  message: string;
  data?: object | undefined;
}

const crumbs: Breadcrumb[] = [];
const recorded = new Set<string>();

/** Notes something that later events of this page show as having happened before them. */
export function addBreadcrumb(message: string, category = "", level = "info", data?: object): void {
  crumbs.push({ at: Date.now() / 1_000, level, category, message: String(message).slice(0, CHARS), data });
  if (crumbs.length > CRUMBS) crumbs.shift();
  hooks.surround = (event) => {
    event.context.breadcrumbs = [...crumbs];
  };
}

/** Notes by itself where the user goes, what is fetched and clicked, and if asked for what is written to the console. */
export function recordBreadcrumbs(kinds: BreadcrumbKinds = { navigation: true, fetch: true, clicks: true }): void {
  if (!globalThis.document) return;
  if (first(kinds, "navigation")) {
    for (const name of ["pushState", "replaceState"] as const) {
      after(history, name, () => addBreadcrumb(location.pathname, "navigation"));
    }
    addEventListener("popstate", () => addBreadcrumb(location.pathname, "navigation"));
  }
  if (first(kinds, "fetch")) {
    // Ours stays what it is.
    nativeFetch();
    after(globalThis, "fetch", ([input, init], answer: Promise<Response>) => {
      const began = performance.now();
      const method = init?.method ?? input.method ?? "GET";
      const url = String(input.url ?? input)
        .replace(/[?#].*/, "")
        .replace(/\/\/[^/@]*@/, "//");
      const note = (status: number) => {
        const data = { status, milliseconds: Math.round(performance.now() - began) };
        addBreadcrumb(`${method} ${url}`, "fetch", status > 399 || !status ? "error" : "info", data);
      };
      answer.then(
        (response) => note(response.status),
        () => note(0),
      );
    });
  }
  if (first(kinds, "clicks")) {
    const listener = ({ target }: Event) => {
      const { nodeName, id, classList } = target as Element;
      addBreadcrumb([nodeName.toLowerCase() + (id && `#${id}`), ...(classList ?? [])].join("."), "click");
    };
    addEventListener("click", listener, { capture: true, passive: true });
  }
  if (first(kinds, "console")) {
    for (const level of ["debug", "info", "log", "warn", "error"] as const) {
      after(console, level, (values) => {
        const texts = values.map((value) =>
          typeof value == "object" && !value?.message ? typeof value : String(value),
        );
        addBreadcrumb(texts.join(" "), "console", level);
      });
    }
  }
}

function first(kinds: BreadcrumbKinds, kind: keyof BreadcrumbKinds): boolean {
  const is = kinds[kind] && !recorded.has(kind);
  if (is) recorded.add(kind);
  return !!is;
}

// biome-ignore lint/suspicious/noExplicitAny: of functions of any kind
type Anything = any;

/** Puts a function in the place of another, that calls that one and then tells `note` of it. */
function after(of: Anything, name: string, note: (values: Anything[], result: Anything) => void): void {
  const before = of[name];
  of[name] = function (this: unknown, ...values: Anything[]) {
    const result = before.apply(this, values);
    try {
      note(values, result);
    } catch {
      // It is not worth a page.
    }
    return result;
  };
}
