/** Equal events and caps: nothing floods, and every event is counted somewhere. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ErrorEvent } from "../errorClient.js";
import { type Client, type Collector, fresh, only } from "./support.js";

const MINUTE = 60_000;

let client: Client;
let collector: Collector;

beforeEach(async () => {
  vi.useFakeTimers();
  ({ client, collector } = await fresh());
});

afterEach(() => {
  vi.useRealTimers();
});

/** How many events there were, by what was sent. */
function told(events: readonly ErrorEvent[]): number {
  return events.reduce((sum, { context }) => sum + 1 + (context.suppressed ?? 0), 0);
}

test("a burst of equal events is one, with their number", async () => {
  for (let number = 0; number < 1_000; number++) client.logClientError({ message: "x" });
  await vi.advanceTimersByTimeAsync(1_100);
  expect(only(collector.events).context).toEqual({ suppressed: 999 });
});

test("what follows in its minute becomes one more, at the minute's end", async () => {
  client.logClientError({ message: "x" });
  await vi.advanceTimersByTimeAsync(1_100);
  for (let number = 0; number < 300; number++) {
    client.logClientError({ message: "x" });
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(collector.events).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(collector.events).toHaveLength(2);
  expect(told(collector.events)).toBe(301);
});

test("A, B, A, B does not flood either", async () => {
  for (let number = 0; number < 10_000; number++) {
    client.logClientError({ message: number % 2 ? "A" : "B" });
    if (number % 100 === 0) await vi.advanceTimersByTimeAsync(1_000);
  }
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  // For each of the two, and each of the two minutes that it took: one at once and one with the number.
  expect(collector.events.length).toBeLessThanOrEqual(2 * 2 * 2);
  expect(told(collector.events)).toBe(10_000);
});

test("events that differ in anything are not equal", async () => {
  client.logClientError({ message: "x" });
  client.logClientError({ message: "y" });
  client.logClientError({ message: "x", stack: "at a.js:1:1" });
  client.logClientError({ message: "x", stack: "at a.js:2:1" });
  client.logClientError({ message: "x", severity: "info" });
  client.logClientError({ message: "x", service: "cart" });
  await vi.advanceTimersByTimeAsync(1_100);
  expect(collector.events).toHaveLength(6);
});

test("an event that was tried gets no higher number: the collector may have it", async () => {
  collector.reply = () => (collector.sent.length <= 2 ? "down" : undefined);
  client.logClientError({ message: "x" });
  await client.flush();
  const [{ event_id }] = collector.events as [ErrorEvent];
  client.logClientError({ message: "x" });
  client.logClientError({ message: "x" });
  await client.flush();
  const arrived = JSON.parse(collector.sent.at(-1)?.body ?? "") as ErrorEvent[];
  expect(arrived.map((event) => [event.event_id === event_id, event.context.suppressed])).toEqual([
    [true, undefined],
    [false, 1],
  ]);
});

test("past thirty different ones in a minute the rest is one event with their number", async () => {
  for (let number = 0; number < 1_000; number++) client.logClientError({ message: `number ${number}` });
  await vi.advanceTimersByTimeAsync(1_100);
  expect(collector.events).toHaveLength(30);
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(collector.events).toHaveLength(31);
  expect(collector.events[30]).toMatchObject({ message: "number 30", context: { flood: true, suppressed: 969 } });
  expect(collector.events[29]?.context.flood).toBeUndefined();
});

test("a new minute begins with nothing", async () => {
  for (let number = 0; number < 40; number++) client.logClientError({ message: `number ${number}` });
  await vi.advanceTimersByTimeAsync(MINUTE + 1_100);
  for (let number = 0; number < 30; number++) client.logClientError({ message: `later ${number}` });
  await vi.advanceTimersByTimeAsync(1_100);
  expect(collector.events).toHaveLength(61);
  expect(told(collector.events)).toBe(70);
});

test("a page that fails all day sends five hundred, then one a minute with the number", async () => {
  let logged = 0;
  for (let minute = 0; minute < 60; minute++) {
    for (let number = 0; number < 50; number++) client.logClientError({ message: `number ${logged++}` });
    await vi.advanceTimersByTimeAsync(MINUTE);
  }
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  expect(collector.events.length).toBeLessThanOrEqual(500 + 60);
  expect(collector.events.length).toBeGreaterThanOrEqual(500);
  expect(told(collector.events)).toBe(logged);
});

test("a left page tells the number at once", async () => {
  for (let number = 0; number < 3; number++) {
    client.logClientError({ message: "x" });
    await vi.advanceTimersByTimeAsync(1_100);
  }
  expect(collector.events).toHaveLength(1);
  await client.flush();
  expect(told(collector.events)).toBe(3);
});
