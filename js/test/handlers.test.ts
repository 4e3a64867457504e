// @vitest-environment jsdom

/** What nobody handles, in a page. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ErrorEvent as Reported } from "../errorClient.js";
import { type Client, type Collector, fresh, listeners, only } from "./support.js";

declare const process: Record<"on" | "off", (name: string, listener: () => void) => void>;

let client: Client;
let collector: Collector;
let removeListeners: () => void;

beforeEach(async () => {
  vi.spyOn(console, "warn").mockReturnValue();
  removeListeners = listeners();
  ({ client, collector } = await fresh());
  client.init({ url: "", service: "shop" });
  client.installGlobalHandlers();
});

afterEach(() => {
  removeListeners();
});

async function reported(): Promise<Reported> {
  await client.flush();
  return only(collector.events);
}

function fail(error: unknown, more: ErrorEventInit = {}): void {
  dispatchEvent(new ErrorEvent("error", { error, message: "Uncaught", ...more }));
}

function reject(event: object): void {
  dispatchEvent(Object.assign(new Event("unhandledrejection"), event));
}

test("an error", async () => {
  const error = new TypeError("no total");
  fail(error);
  expect(await reported()).toMatchObject({
    service: "shop",
    message: "no total",
    severity: "error",
    stack: error.stack,
    path_or_screen: "/",
  });
});

test.each([
  ["a text", "it broke", "it broke"],
  ["an object", { code: 4 }, "an object with code"],
  ["nothing", null, "Uncaught"],
])("%s that was thrown is told with its place", async (_, error, message) => {
  fail(error, { filename: "https://shop.example/app.js", lineno: 3, colno: 7 });
  expect(await reported()).toMatchObject({ message, stack: "at https://shop.example/app.js:3:7" });
});

test("an error that a browser hides is not reported; why is said once", async () => {
  fail(null, { message: "Script error." });
  fail(undefined, { message: "Script error." });
  await client.flush();
  expect(collector.sent).toEqual([]);
  expect(vi.mocked(console.warn).mock.calls).toEqual([["levqor-errors: Script error.: its script needs crossorigin"]]);
});

test("an error of that text that is not hidden is reported", async () => {
  fail(new Error("Script error."), { message: "Script error." });
  expect((await reported()).message).toBe("Script error.");
});

test("an element that does not load is no error of a script", async () => {
  const image = document.body.appendChild(document.createElement("img"));
  image.dispatchEvent(new Event("error"));
  await client.flush();
  expect(collector.sent).toEqual([]);
});

describe("a rejected promise", () => {
  test.each<[string, object, string]>([
    ["of an error", { reason: new Error("no") }, "no"],
    ["of a text", { reason: "no" }, "no"],
    ["of nothing", { reason: undefined }, "undefined"],
    ["of a number", { reason: 0 }, "0"],
    ["of an Event", { reason: new Event("abort") }, "an object with isTrusted"],
    ["whose reason is in detail", { detail: { reason: new Error("no") } }, "no"],
    ["without anything", { detail: null }, "undefined"],
  ])("%s", async (_, event, message) => {
    reject(event);
    expect((await reported()).message).toBe(message);
  });

  test("of an Event of an element", async () => {
    const script = document.body.appendChild(document.createElement("script"));
    script.addEventListener("error", (reason) => reject({ reason }));
    script.dispatchEvent(new Event("error"));
    expect((await reported()).message).toBe("error event of SCRIPT");
  });
});

test("an error that was logged is not reported again when nobody handles it", async () => {
  const error = new Error("no");
  client.logJSError("cart", error, "critical");
  fail(error);
  reject({ reason: error });
  expect(await reported()).toMatchObject({ service: "cart", severity: "critical", context: {} });
});

test("installed twice, an error is one event", async () => {
  client.installGlobalHandlers();
  client.init({});
  fail(new Error("no"));
  expect((await reported()).context).toEqual({});
});

test("a page that fails within what it does with events is in no loop", async () => {
  client.init({
    beforeSend: (event) => {
      fail(new Error("within"));
      return event;
    },
  });
  fail(new Error("outer"));
  expect((await reported()).message).toBe("outer");
});

test("our own failing requests are nobody's rejected promises", async () => {
  const seen = vi.fn();
  process.on("unhandledRejection", seen);
  collector.reply = () => "down";
  fail(new Error("no"));
  await client.flush();
  await new Promise((resolve) => setTimeout(resolve));
  process.off("unhandledRejection", seen);
  expect(seen).not.toHaveBeenCalled();
  expect(new Set(collector.events.map((event) => event.event_id)).size).toBe(1);
});

describe("a page that is left", () => {
  test.each(["pagehide", "visibilitychange"])("has sent everything when %s is over", (type) => {
    for (let number = 0; number < 30; number++) client.logClientError({ message: `${number}${"x".repeat(5_000)}` });
    (type === "pagehide" ? globalThis : document).dispatchEvent(new Event(type, { bubbles: true }));
    expect(collector.events).toHaveLength(30);
  });

  test("is not kept from the way back: nothing listens to unload", () => {
    const types = vi.mocked(addEventListener).mock.calls.map(([type]) => type);
    expect(types).toContain("pagehide");
    expect(types.filter((type) => /unload/.test(type))).toEqual([]);
  });
});

test("a page that is online again sends at once", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  collector.reply = () => "down";
  client.logClientError({ message: "x" });
  for (let number = 0; number < 6; number++) await client.flush();
  collector.reply = () => undefined;
  const before = collector.sent.length;
  dispatchEvent(new Event("online"));
  expect(collector.sent).toHaveLength(before + 1);
  expect(await client.flush()).toBe(true);
});
