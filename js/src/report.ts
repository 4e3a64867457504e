/** The one way in: nothing that goes wrong here reaches the page, and nothing that is reported from within comes in. */

import { schedule, send } from "./delivery.js";
import { describe, reported } from "./describe.js";
import { newEvent } from "./event.js";
import { add } from "./queue.js";
import { nativeFetch, on } from "./state.js";
import type { ClientError, ErrorEvent } from "./types.js";

let inside = false;

/** Begins, with the first use; further ones change nothing. */
export function start(): void {
  nativeFetch();
  // Never `unload`: browsers do not keep a page that listens to it for the way back.
  on("visibilitychange", send);
  on("pagehide", send);
  on("online", send);
}

/**
 * Reports what is given.
 *
 * @param given the event's fields; what they lack of message and stack is read from the error.
 * @param error what was thrown, of any kind.
 * @param met it was met, and not reported by somebody: if somebody has, that stands for this one.
 * @param more what there is to say besides.
 */
export function report(given: Partial<ClientError>, error?: unknown, met?: boolean, more?: Partial<ErrorEvent>): void {
  if (inside || (met && reported.has(error as object))) return;
  inside = true;
  try {
    start();
    if (given.message == null) describe(error, given);
    add({ ...newEvent(given), ...more });
    schedule();
  } catch {
    // The page goes on.
  }
  inside = false;
}
