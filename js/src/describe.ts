/** Whatever was thrown, as text: people throw strings, events, objects and nothing at all. Goes on to `report.ts`. */

import type { ClientError } from "./types.js";

/** Causes and members of one error that are followed. */
const CHAIN = 10;

// Of a stranger's value every property may be anything, and reading it may fail.
// biome-ignore lint/suspicious/noExplicitAny: as above
type Anything = any;

/** Errors that were reported: whoever meets them later of itself leaves it at that. */
export const reported = new WeakSet<object>();

/** Puts into `given` what an error says, and its stack if it has one. */
export function describe(error: unknown, given: Partial<ClientError>): void {
  try {
    given.message = messageOf(error);
    given.stack = stackOf(error, []) ?? given.stack;
    reported.add(error as object);
  } catch {
    // Not an object; or what can be read of it must do.
  }
}

function messageOf(error: Anything): string {
  const { message, name, type, target } = Object(error);
  return String(
    message ||
      // An Event itself says no more than "[object Event]".
      (target && `${type} event of ${target.nodeName ?? target}`) ||
      name ||
      (Object(error) === error ? `an object with ${Object.keys(error)}` : error),
  );
}

/**
 * The stacks of an error and of what led to it, as one text: of each its name, its message, and what the browser gives.
 * The collector's `browser_stacks.py` reads it.
 */
function stackOf(error: Anything, seen: Anything[]): string | undefined {
  // A chain may lead back into itself.
  seen.push(error);
  if (!error?.stack) return seen[1] && messageOf(error);
  const head = `${error.name}: ${error.message}`;
  let text = String(error.stack);
  // V8 alone puts the head there, as it was when the error was made.
  if (!text.startsWith(head)) text = `${head}\n${text}`;
  for (const cause of [error.cause].concat(error.errors)) {
    if (cause != null && seen.length < CHAIN && !seen.includes(cause)) text += `\nCaused by: ${stackOf(cause, seen)}`;
  }
  return text;
}
