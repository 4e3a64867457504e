/** An event, as docs/events.md has it, from whatever was given. Goes on to `queue.ts`. */

import { options } from "./state.js";
import type { ClientError, ErrorEvent } from "./types.js";

const SEVERITIES = /^(debug|info|warn(ing)?|critical|fatal)$/;
/** An enum, since its value is put in where it stands, by every compiler. */
const enum Most {
  /** Of a text, so that an event is within what a page may still send while it is left. The collector cuts shorter. */
  Chars = 20_000,
}

/** A new event of this page. All its fields are texts: the collector refuses an event with one of another kind. */
export function newEvent(given: Partial<ClientError>): ErrorEvent {
  // biome-ignore lint/suspicious/noExplicitAny: until they are texts
  const event: any = {
    // A UUID's 32 digits; crypto.randomUUID() is not to be had on plain HTTP.
    event_id: crypto.getRandomValues(new Uint32Array(9)).join("").slice(0, 32),
    created_at: new Date().toJSON(),
    source: "frontend",
    service: given.service ?? options.service,
    severity: SEVERITIES.test(given.severity as string) ? given.severity : "error",
    message: given.message || "(no message)",
    path_or_screen: given.path ?? globalThis.location?.pathname,
    user_email: given.userEmail ?? options.userEmail,
    stack: given.stack,
    environment: options.environment,
    release: options.release,
  };
  for (const name in event) {
    if (event[name] != null) event[name] = String(event[name]).slice(0, Most.Chars);
  }
  event.context = {};
  return event;
}
