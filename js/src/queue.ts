/**
 * What waits to be sent. One rule keeps floods out: of equal events one goes at once, and those that follow become one
 * more that goes when the minute is over, or the page is left, with their number. Past the caps all are equal.
 * Goes on to `delivery.ts`.
 */

import { newEvent } from "./event.js";
import { hooks, options, warn } from "./state.js";
import type { ErrorEvent } from "./types.js";

/** An event that waits. */
export interface Entry {
  event: ErrorEvent;
  /** The same as it is sent: what a page does to its objects later is not in it. */
  json: string;
  /** By the page's clock, in milliseconds, when it goes. */
  due: number;
  /** Equal for equal events. Empty once it was tried: from then on the collector may have it, with the number it had. */
  key: string;
}

/** An enum, since its values are put in where they stand, by every compiler. */
const enum Most {
  /** Milliseconds. */
  Minute = 60_000,
  /** Different errors, in a minute and of a page. */
  InMinute = 30,
  InPage = 500,
}

export const queue: Entry[] = [];

let ends = 0;
let inMinute = 0;
let inPage = 0;
let seen: Record<string, unknown> = {};

/**
 * Takes an event, or counts it on one that waits.
 *
 * @param ours that it says nothing of the page: `beforeSend` is not asked.
 */
export function add(event: ErrorEvent, ours?: boolean): void {
  const now = performance.now();
  if (now >= ends) {
    ends = now + Most.Minute;
    inMinute = 0;
    seen = {};
  }
  const key = String([event.service, event.severity, event.message, event.stack]);
  const flood = inMinute >= Most.InMinute || inPage >= Most.InPage;
  const same = waiting(key) ?? (flood && waiting("flood"));
  if (same) {
    same.event.context.suppressed = (same.event.context.suppressed | 0) + 1;
    same.json = JSON.stringify(same.event);
    return;
  }
  event.context.flood = flood || undefined;
  hooks.surround?.(event);
  const taken = ours ? event : lastWord(event);
  if (taken) {
    const json = JSON.stringify(taken);
    queue.push({ event: taken, json, due: flood || seen[key] ? ends : 0, key: flood ? "flood" : key });
    seen[key] = 1;
    inMinute++;
    inPage++;
    hooks.keep?.(taken, json);
  }
}

/** What the page makes of an event that is to be sent; nothing if it is left out. */
function lastWord(event: ErrorEvent): ErrorEvent | null | undefined {
  const { event_id } = event;
  try {
    const changed = options.beforeSend ? options.beforeSend(event) : event;
    // With its id a second try is known for one. What is no event has no message.
    return changed && { ...changed, context: changed.context ?? {}, event_id, message: changed.message.slice() };
  } catch (error) {
    const message = "beforeSend failed";
    warn(message, error);
    add(newEvent({ message }), true);
  }
}

function waiting(key: string): Entry | undefined {
  return queue.find((entry) => entry.key == key);
}
