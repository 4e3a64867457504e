/**
 * The way to the collector: batches that a page may still send while it is left, tried again until they are committed,
 * and never sooner than the collector asks.
 */

import { type Entry, queue } from "./queue.js";
import { address, hooks, nativeFetch, warn } from "./state.js";

/** An enum, since its values are put in where they stand, by every compiler. Milliseconds but for the first. */
const enum Limit {
  /** Bytes: of the 64 KiB that all requests of a page may have together if they are to outlive it. Heads count too. */
  Budget = 60_000,
  /** That an event waits for others to go with it, and the first backoff. */
  Second = 1_000,
  /** Of a backoff, and of what a collector may ask for. */
  Most = 300_000,
}

let timer: ReturnType<typeof setTimeout> | undefined;
let requests: Promise<unknown> | undefined;
let failures = 0;
/** By the page's clock, in milliseconds: until when to try nothing unasked, and until when the collector wants nothing. */
let pause = 0;
let quiet = 0;

/**
 * Sends what is due, and sees to it that the rest is sent when it is.
 *
 * @param all send everything: the page may be gone soon. The requests are on their way when this returns.
 */
export function send(all?: unknown): void {
  const now = performance.now();
  const batch: Entry[] = [];
  let body = "";
  if (now >= (all ? quiet : pause)) {
    for (const entry of queue.splice(0)) {
      if ((all || now >= entry.due) && !(body && bytes(body + entry.json) > Limit.Budget)) {
        entry.key = "";
        batch.push(entry);
        body += (body && ",") + entry.json;
      } else {
        queue.push(entry);
      }
    }
  }
  if (body) {
    requests = Promise.all([requests, post(batch, `[${body}]`, all)]);
    send(all);
  } else {
    schedule();
  }
}

/** Sends all that waits; gives whether the collector has dealt with it. */
export async function flush(): Promise<boolean> {
  send(1);
  await requests;
  return !queue[0];
}

/** Looks every second at what waits, as long as something does. */
export function schedule(): void {
  if (timer || !queue[0]) return;
  timer = setTimeout(() => {
    timer = undefined;
    send();
  }, Limit.Second);
  // It does not keep a server's process.
  (timer as { unref?: () => void }).unref?.();
}

async function post(batch: Entry[], body: string, all: unknown): Promise<void> {
  const request = async (keepalive: boolean) => {
    const url = address();
    // Last, and besides: it does not say what became of it. An event that comes twice is stored once.
    if (all && !keepalive) globalThis.navigator?.sendBeacon?.(url, body);
    return nativeFetch()(url, { method: "POST", body, keepalive });
  };
  let response: Response | undefined;
  let answer: { ok?: boolean; accepted?: number } | undefined;
  try {
    response = await request(true).catch(() => request(false));
    answer = await response.json();
  } catch {
    // No answer, or one that is not the collector's.
  }
  const refused = /^4(?!08|29)/.test(response?.status as unknown as string);
  if (refused || answer?.ok) {
    failures = 0;
    pause = quiet;
    hooks.forget?.(batch);
    if (refused || (answer?.accepted as number) < batch.length) warn("refused", JSON.stringify(answer));
  } else {
    queue.unshift(...batch);
    // No number of seconds is none.
    const seconds = +(response?.headers.get("Retry-After") as string) || 0;
    quiet = performance.now() + Math.min(seconds * 1_000, Limit.Most);
    pause = quiet + Math.random() * Math.min(Limit.Second * 2 ** failures++, Limit.Most);
  }
  schedule();
}

/** Bytes, not characters. */
function bytes(text: string): number {
  return new Blob([text]).size;
}
