// @vitest-environment jsdom

/** Events that outlive their page: several pages, one after the other or at once, on one storage. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Client, Collector, listeners, only } from "./support.js";

let collector: Collector;
let removeListeners: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  removeListeners = listeners();
  localStorage.clear();
  collector = new Collector();
  vi.stubGlobal("fetch", collector.fetch);
});

afterEach(() => {
  removeListeners();
  vi.useRealTimers();
});

/** A new page of the same site. */
async function page(): Promise<Client> {
  vi.resetModules();
  const client: Client = await import("../errorClient.js");
  client.init({ url: "" });
  client.keepOffline();
  return client;
}

function stored(): string[] {
  return Object.keys(localStorage).filter((name) => name.startsWith("levqor-errors:"));
}

test("an event is kept until the collector has it", async () => {
  collector.reply = () => "down";
  const client = await page();
  client.logClientError({ message: "x" });
  expect(stored()).toHaveLength(1);
  await client.flush();
  expect(stored()).toHaveLength(1);
  collector.reply = () => undefined;
  expect(await client.flush()).toBe(true);
  expect(stored()).toEqual([]);
});

test("what a page leaves the next one sends, under the same id, once", async () => {
  collector.reply = () => "down";
  const first = await page();
  first.logClientError({ message: "x" });
  await first.flush();
  const [id] = collector.events.map((event) => event.event_id);
  collector.sent.length = 0;
  collector.reply = () => undefined;
  // The first page is gone: its claim ends.
  vi.clearAllTimers();
  vi.setSystemTime(Date.now() + 61_000);
  const second = await page();
  await vi.advanceTimersByTimeAsync(1_100);
  expect(only(collector.events)).toMatchObject({ event_id: id, message: "x" });
  expect(stored()).toEqual([]);
  await second.flush();
  await (await page()).flush();
  expect(collector.sent).toHaveLength(1);
});

test("what another page is sending is left to it", async () => {
  collector.reply = () => "down";
  const first = await page();
  first.logClientError({ message: "x" });
  await first.flush();
  vi.clearAllTimers();
  const before = collector.sent.length;
  const second = await page();
  await second.flush();
  expect(collector.sent).toHaveLength(before);
  expect(stored()).toHaveLength(1);
});

test("of several pages that begin at once one sends", async () => {
  collector.reply = () => "down";
  const first = await page();
  first.logClientError({ message: "x" });
  vi.clearAllTimers();
  vi.setSystemTime(Date.now() + 61_000);
  collector.reply = () => undefined;
  for (const client of [await page(), await page(), await page()]) await client.flush();
  expect(collector.events).toHaveLength(1);
});

test("a page that stays sends its own when it is online again, once", async () => {
  collector.reply = () => "down";
  const client = await page();
  client.logClientError({ message: "x" });
  await client.flush();
  vi.setSystemTime(Date.now() + 3_600_000);
  collector.sent.length = 0;
  collector.reply = () => undefined;
  dispatchEvent(new Event("online"));
  await client.flush();
  expect(collector.events).toHaveLength(1);
});

test("a refused event is not kept", async () => {
  collector.reply = () => ({ status: 400, body: { ok: false } });
  vi.spyOn(console, "warn").mockReturnValue();
  const client = await page();
  client.logClientError({ message: "x" });
  await client.flush();
  expect(stored()).toEqual([]);
});

test("what beforeSend takes out is never written down", async () => {
  collector.reply = () => "down";
  const client = await page();
  client.init({ beforeSend: (event) => (event.message.includes("secret") ? null : event) });
  client.logClientError({ message: "secret" });
  expect(stored()).toEqual([]);
});

test("the oldest go first", async () => {
  collector.reply = () => "down";
  const client = await page();
  for (let number = 0; number < 75; number++) {
    client.logClientError({ message: `number ${number}` });
    await vi.advanceTimersByTimeAsync(2_500);
  }
  const kept = stored().map((name) => JSON.parse(localStorage.getItem(name)?.replace(/^\d+ /, "") ?? "").message);
  expect(kept).toHaveLength(50);
  expect(kept).toContain("number 74");
  expect(kept).not.toContain("number 0");
});

test.each(["", "x", "1", "1 {", "1 null", "1 []", `1 {"event_id"`, "9e99 x"])(
  "a place that holds %j stops nothing",
  async (value) => {
    localStorage.setItem("levqor-errors:2026", value);
    const client = await page();
    client.logClientError({ message: "x" });
    expect(await client.flush()).toBe(true);
    expect(collector.events.filter((event) => event?.message === "x")).toHaveLength(1);
  },
);

test("what is not ours is left alone", async () => {
  localStorage.setItem("cart", "1 {}");
  const client = await page();
  await client.flush();
  expect(localStorage.getItem("cart")).toBe("1 {}");
  expect(collector.sent).toEqual([]);
});

test("a full storage stops nothing", async () => {
  vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
    throw new DOMException("full", "QuotaExceededError");
  });
  const client = await page();
  client.logClientError({ message: "x" });
  expect(await client.flush()).toBe(true);
  expect(collector.events).toHaveLength(1);
});

test("a page that may store nothing reports all the same", async () => {
  vi.spyOn(globalThis, "localStorage", "get").mockImplementation(() => {
    throw new DOMException("no", "SecurityError");
  });
  const client = await page();
  client.logClientError({ message: "x" });
  expect(await client.flush()).toBe(true);
  expect(collector.events).toHaveLength(1);
});
