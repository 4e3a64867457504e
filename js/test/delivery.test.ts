/** The way to the collector: what is sent when and how, and what its answers mean. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Client, type Collector, fresh, only } from "./support.js";

let client: Client;
let collector: Collector;

beforeEach(async () => {
  vi.useFakeTimers();
  vi.spyOn(console, "warn").mockReturnValue();
  ({ client, collector } = await fresh());
});

afterEach(() => {
  vi.useRealTimers();
});

function log(count: number, text = ""): void {
  for (let number = 0; number < count; number++) client.logClientError({ message: `number ${number}`, stack: text });
}

function ids(body: string | undefined): string[] {
  return JSON.parse(body ?? "[]").map((event: { event_id: string }) => event.event_id);
}

test("events of one second go together", async () => {
  log(10);
  await vi.advanceTimersByTimeAsync(900);
  expect(collector.sent).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(200);
  expect(ids(only(collector.sent).body)).toHaveLength(10);
});

test("reports that never cease do not put it off", async () => {
  for (let number = 0; number < 25; number++) {
    client.logClientError({ message: `number ${number}` });
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(collector.sent.length).toBeGreaterThanOrEqual(2);
});

test("nothing is asked of the network without an event", async () => {
  client.init({ url: "" });
  expect(await client.flush()).toBe(true);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(collector.sent).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  ["ASCII", "x"],
  ["three bytes a character", "\u20ac"],
  ["four bytes for two characters", "\u{1f4a5}"],
  ["six bytes for a lone surrogate", "\ud800"],
])("a request is within what may outlive a page, in bytes: %s", async (_, character) => {
  log(30, character.repeat(3_000 / character.length));
  expect(await client.flush()).toBe(true);
  expect(new Set(collector.events.map((event) => event.event_id)).size).toBe(30);
  for (const { body, init } of collector.sent) {
    expect(new TextEncoder().encode(body).length).toBeLessThan(64 * 1024 - 1_000);
    expect(init.keepalive).toBe(true);
  }
});

test("an event that is larger by itself goes alone", async () => {
  client.logClientError({ message: "small" });
  client.logClientError({ message: "\ud800".repeat(20_000) });
  client.logClientError({ message: "small too" });
  await client.flush();
  expect(collector.sent.map(({ body }) => ids(body).length).sort()).toEqual([1, 2]);
});

test("a request that may not outlive its page is made once more as one that need not", async () => {
  collector.reply = ({ init }) => (init.keepalive ? "down" : undefined);
  log(1);
  expect(await client.flush()).toBe(true);
  expect(collector.sent.map(({ init }) => init.keepalive)).toEqual([true, false]);
  expect(new Set(collector.events.map((event) => event.event_id)).size).toBe(1);
});

test("the beacon is last, and is not believed", async () => {
  const sendBeacon = vi.fn().mockReturnValue(true);
  vi.stubGlobal("navigator", { sendBeacon });
  collector.reply = () => "down";
  log(1);
  await vi.advanceTimersByTimeAsync(1_100);
  expect(collector.sent).toHaveLength(2);
  expect(sendBeacon).not.toHaveBeenCalled();
  expect(await client.flush()).toBe(false);
  expect(sendBeacon).toHaveBeenCalledTimes(1);
  expect(sendBeacon.mock.calls[0]).toEqual([collector.sent[0]?.url, collector.sent[0]?.body]);
  collector.reply = () => undefined;
  expect(await client.flush()).toBe(true);
  expect(new Set(collector.events.map((event) => event.event_id)).size).toBe(1);
});

describe("an answer that is not the collector's word for a commit: the same event, later", () => {
  test.each<[string, Parameters<typeof replies>[0]]>([
    ["none", "down"],
    ["500", { status: 500, body: { ok: false } }],
    ["503", { status: 503, body: { ok: false } }],
    ["408", { status: 408, body: "" }],
    ["429", { status: 429, body: { ok: false } }],
    ["a page that says 200", { body: "<!doctype html>" }],
    ["200 and null", { body: "null" }],
    ["200 and other JSON", { body: [] }],
    ["a redirect's end", { status: 304 as never, body: null as never }],
  ])("%s", async (_, reply) => {
    replies(reply);
    log(1);
    await vi.advanceTimersByTimeAsync(1_100);
    const before = collector.sent.length;
    expect(before).toBeGreaterThan(0);
    collector.reply = () => undefined;
    await vi.advanceTimersByTimeAsync(2_100);
    expect(collector.sent).toHaveLength(before + 1);
    expect(new Set(collector.events.map((event) => event.event_id)).size).toBe(1);
    expect(await client.flush()).toBe(true);
  });

  function replies(reply: ReturnType<Collector["reply"]>): void {
    collector.reply = () => reply;
  }
});

describe("a refusal: not again, and one line in the console", () => {
  test.each([400, 401, 403, 404, 405, 413, 415, 422])("%d", async (status) => {
    collector.reply = () => ({ status, body: { ok: false, error: "an ingest key is required" } });
    log(2);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(await client.flush()).toBe(true);
    client.logClientError({ message: "another" });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(collector.sent).toHaveLength(2);
    expect(console.warn).toHaveBeenCalledTimes(1);
    expect(vi.mocked(console.warn).mock.calls[0]?.[0]).toContain("an ingest key is required");
  });

  test("of one event of a batch", async () => {
    collector.reply = () => ({ body: { ok: true, accepted: 1, rejected: [{ index: 1, error: "not of this key" }] } });
    log(2);
    expect(await client.flush()).toBe(true);
    expect(vi.mocked(console.warn).mock.calls[0]?.[0]).toContain("not of this key");
  });
});

test("a page that reports its console's warnings is in no loop with a collector that refuses", async () => {
  vi.mocked(console.warn).mockImplementation((text) => client.logClientError({ message: text }));
  collector.reply = () => ({ status: 400, body: { ok: false, error: String(Math.random()) } });
  log(1);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(collector.sent).toHaveLength(2);
});

describe("Retry-After", () => {
  test.each([
    ["429", 429],
    ["503", 503],
  ])("of a %s is kept, whoever asks", async (_, status) => {
    collector.reply = () => ({ status, body: { ok: false }, headers: { "Retry-After": "30" } });
    log(1);
    await vi.advanceTimersByTimeAsync(1_100);
    collector.reply = () => undefined;
    log(5, "more");
    expect(await client.flush()).toBe(false);
    globalThis.dispatchEvent?.(new Event("pagehide"));
    await vi.advanceTimersByTimeAsync(29_000);
    expect(collector.sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(collector.sent).toHaveLength(2);
    expect(ids(collector.sent[1]?.body)).toHaveLength(6);
  });

  test.each(["", "soon", "-5", "Wed, 21 Oct 2026 07:28:00 GMT", "1e99"])(
    "that is %j does not stop it",
    async (value) => {
      collector.reply = () => ({ status: 503, body: { ok: false }, headers: { "Retry-After": value } });
      log(1);
      await vi.advanceTimersByTimeAsync(1_100);
      collector.reply = () => undefined;
      await vi.advanceTimersByTimeAsync(302_000);
      expect(await client.flush()).toBe(true);
    },
  );
});

test("tries come further and further apart, up to five minutes, and by chance", async () => {
  const chance = vi.spyOn(Math, "random").mockReturnValue(1);
  collector.reply = () => "down";
  log(1);
  const at: number[] = [];
  const begun = performance.now();
  for (let second = 0; second < 2_000; second++) {
    const before = collector.sent.length;
    await vi.advanceTimersByTimeAsync(1_000);
    if (collector.sent.length > before) at.push(Math.round((performance.now() - begun) / 1_000));
  }
  expect(chance).toHaveBeenCalled();
  const pauses = at.slice(1).map((time, index) => time - (at[index] as number));
  expect(pauses.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 64, 128]);
  expect(Math.max(...pauses)).toBe(300);
});

test("flush tries during a backoff", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  collector.reply = () => "down";
  log(1);
  for (let number = 0; number < 5; number++) await client.flush();
  const before = collector.sent.length;
  collector.reply = () => undefined;
  expect(await client.flush()).toBe(true);
  expect(collector.sent).toHaveLength(before + 1);
});

test("after a long outage, what comes next goes at once again", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  collector.reply = () => "down";
  log(1);
  for (let number = 0; number < 12; number++) await client.flush();
  await vi.advanceTimersByTimeAsync(1_100);
  collector.reply = () => undefined;
  expect(await client.flush()).toBe(true);
  client.logClientError({ message: "next" });
  const before = collector.sent.length;
  await vi.advanceTimersByTimeAsync(2_100);
  expect(collector.sent).toHaveLength(before + 1);
});

test("a batch that is committed does not end what the collector asked for at another", async () => {
  const large = "x".repeat(19_000);
  collector.reply = ({ body }) =>
    body.includes("number 0") ? { status: 429, body: { ok: false }, headers: { "Retry-After": "30" } } : undefined;
  log(5, large);
  await vi.advanceTimersByTimeAsync(1_100);
  const before = collector.sent.length;
  expect(before).toBeGreaterThan(1);
  await vi.advanceTimersByTimeAsync(28_000);
  expect(collector.sent).toHaveLength(before);
});

test("events keep their order over failures", async () => {
  collector.reply = () => "down";
  log(3);
  await client.flush();
  client.logClientError({ message: "last" });
  collector.reply = () => undefined;
  await client.flush();
  const sent = JSON.parse(collector.sent.at(-1)?.body ?? "") as { message: string }[];
  expect(sent.map(({ message }) => message)).toEqual(["number 0", "number 1", "number 2", "last"]);
});

test("what wraps fetch later is not called, so that its own reports go round no loop", async () => {
  client.init({ url: "" });
  const wrapped = vi.fn(() => {
    client.logClientError({ message: "a request failed" });
    return Promise.reject(new TypeError("no"));
  });
  vi.stubGlobal("fetch", wrapped);
  collector.reply = () => "down";
  log(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(wrapped).not.toHaveBeenCalled();
});

test("a page without fetch goes on", async () => {
  vi.stubGlobal("fetch", undefined);
  vi.resetModules();
  client = await import("../errorClient.js");
  client.init({ url: "" });
  log(1);
  expect(await client.flush()).toBe(false);
});

test("an address that is none stops nothing", async () => {
  client.init({ url: 5 as never });
  log(1);
  expect(await client.flush()).toBe(false);
});
