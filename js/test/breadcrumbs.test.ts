// @vitest-environment jsdom

/** What is recorded on the way to an error, and that recording changes nothing for the page. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Client, type Collector, fresh, listeners, only } from "./support.js";

interface Crumb {
  at: number;
  level: string;
  category: string;
  message: string;
  data?: Record<string, unknown>;
}

let client: Client;
let collector: Collector;
let removeListeners: () => void;

beforeEach(async () => {
  removeListeners = listeners();
  history.replaceState(null, "", "/");
  ({ client, collector } = await fresh());
  client.init({ url: "" });
});

afterEach(() => {
  removeListeners();
});

async function crumbs(): Promise<Crumb[]> {
  client.logClientError({ message: "x" });
  await client.flush();
  return only(collector.events.filter(({ message }) => message === "x")).context.breadcrumbs ?? [];
}

function restored(of: object, ...names: string[]): void {
  const before = names.map((name) => [name, Reflect.get(of, name)] as const);
  afterEach(() => {
    for (const [name, value] of before) Reflect.set(of, name, value);
  });
}

restored(history, "pushState", "replaceState");
restored(console, "debug", "info", "log", "warn", "error");

test("by default nothing is recorded, and nothing of the page is replaced", async () => {
  const before = [fetch, history.pushState, history.replaceState, console.error];
  client.installGlobalHandlers();
  document.body.click();
  expect(await crumbs()).toEqual([]);
  expect([fetch, history.pushState, history.replaceState, console.error]).toEqual(before);
});

test("those that a page adds", async () => {
  client.addBreadcrumb("cart opened");
  client.addBreadcrumb("paid", "checkout", "warning", { cents: 100 });
  const found = await crumbs();
  expect(found).toMatchObject([
    { level: "info", category: "", message: "cart opened" },
    { level: "warning", category: "checkout", message: "paid", data: { cents: 100 } },
  ]);
  // Seconds, as the Python client has them.
  expect(Math.abs((found[0]?.at ?? 0) - Date.now() / 1_000)).toBeLessThan(60);
});

test("the latest thirty are kept", async () => {
  for (let number = 0; number < 100; number++) client.addBreadcrumb(`number ${number}`);
  const messages = (await crumbs()).map(({ message }) => message);
  expect(messages).toHaveLength(30);
  expect(messages.at(-1)).toBe("number 99");
});

test("an event has those from before it", async () => {
  client.addBreadcrumb("before");
  client.logClientError({ message: "x" });
  client.addBreadcrumb("after");
  await client.flush();
  expect(only(collector.events).context.breadcrumbs).toHaveLength(1);
});

test("navigation, without queries and fragments", async () => {
  client.recordBreadcrumbs({ navigation: true });
  history.pushState({ a: 1 }, "", "/cart?token=secret#secret");
  history.replaceState(null, "", "/pay");
  dispatchEvent(new PopStateEvent("popstate"));
  expect(history.state).toBeNull();
  expect((await crumbs()).map(({ category, message }) => [category, message])).toEqual([
    ["navigation", "/cart"],
    ["navigation", "/pay"],
    ["navigation", "/pay"],
  ]);
});

describe("fetch", () => {
  test("method, address without its secrets, status and time", async () => {
    collector.reply = ({ url }) => (url.includes("errors/log") ? undefined : { status: 404 });
    client.recordBreadcrumbs({ fetch: true });
    const answer = await fetch("https://user:pw@api.example/orders?token=secret#x", { method: "PUT", body: "[]" });
    expect(answer.status).toBe(404);
    const [crumb] = await crumbs();
    expect(crumb).toMatchObject({
      category: "fetch",
      level: "error",
      message: "PUT https://api.example/orders",
      data: { status: 404, milliseconds: expect.any(Number) },
    });
  });

  test.each<[string, unknown[]]>([
    ["a Request", [new Request("http://api.example/orders")]],
    ["a URL", [new URL("http://api.example/orders")]],
    ["nothing", []],
    ["null", [null, null]],
  ])("of %s is called with the same, and gives the same", async (_, given) => {
    const inner = vi.fn().mockResolvedValue(new Response("[]"));
    vi.stubGlobal("fetch", inner);
    vi.resetModules();
    client = await import("../errorClient.js");
    client.recordBreadcrumbs({ fetch: true });
    const answer = await Reflect.apply(fetch, globalThis, given);
    expect(inner).toHaveBeenCalledWith(...given);
    expect(answer).toBe(await inner.mock.results[0]?.value);
  });

  test("that fails fails as it did, and adds no rejected promise of ours", async () => {
    collector.reply = ({ url }) => (url.includes("errors/log") ? undefined : "down");
    client.recordBreadcrumbs({ fetch: true });
    await expect(fetch("/orders", { body: "[]" })).rejects.toThrow("Failed to fetch");
    expect((await crumbs())[0]).toMatchObject({ level: "error", message: "GET /orders", data: { status: 0 } });
  });

  test("of our own is none", async () => {
    client.recordBreadcrumbs({ fetch: true });
    client.logClientError({ message: "first" });
    await client.flush();
    expect(await crumbs()).toEqual([]);
  });
});

test("clicks, by what tells an element and not by what it says", async () => {
  client.recordBreadcrumbs({ clicks: true });
  document.body.innerHTML = '<button id="pay" class="primary large">Pay 100 for a@example.com</button><i>x</i>';
  document.querySelector("button")?.addEventListener("click", (event) => event.stopPropagation());
  document.querySelector("button")?.click();
  document.querySelector("i")?.click();
  expect((await crumbs()).map(({ category, message }) => [category, message])).toEqual([
    ["click", "button#pay.primary.large"],
    ["click", "i"],
  ]);
});

test("the console, only if asked for, and in no loop", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {
    client.addBreadcrumb("from a console that reports");
  });
  client.recordBreadcrumbs({ console: true });
  console.log("order", 7, { card: "secret" }, new Error("no"), null);
  expect(log).toHaveBeenCalledTimes(1);
  expect((await crumbs()).map(({ category, level, message }) => [category, level, message])).toEqual([
    ["", "info", "from a console that reports"],
    ["console", "log", "order 7 object Error: no object"],
  ]);
});

test("recorded twice, each is there once", async () => {
  client.recordBreadcrumbs();
  client.recordBreadcrumbs();
  history.pushState(null, "", "/cart");
  document.body.click();
  expect((await crumbs()).map(({ category }) => category)).toEqual(["navigation", "click"]);
});
