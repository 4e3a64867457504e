/**
 * What the client knows: its options, the page's own `fetch`, and the hooks that optional parts hang themselves on, so
 * that a bundle without them has nothing of them. Importing this touches no global.
 */

import type { ErrorEvent, Options } from "./types.js";

// Spelled out as it is: bundlers put the value in its place.
declare const process: { env: { NEXT_PUBLIC_API_URL?: string } };

export const options: Options = {};

export const hooks: {
  /** Adds to an event what surrounds it. */
  surround?: (event: ErrorEvent) => void;
  /** An event is taken, and may have to outlive this page. */
  keep?: (event: ErrorEvent, json: string) => void;
  /** Events are dealt with for good. */
  forget?: (events: readonly { event: ErrorEvent }[]) => void;
} = {};

/** Where events go, with the key: in the address, since neither a beacon nor a request without preflight has headers. */
export function address(): string {
  let url = options.url;
  try {
    url ??= process.env.NEXT_PUBLIC_API_URL;
  } catch {
    // There is neither a bundler nor a `process`.
  }
  const key = options.key ? `?key=${options.key}` : "";
  return `${(url ?? "https://api.levqor.ai").replace(/\/$/, "")}/api/errors/log${key}`;
}

let kept: typeof fetch | undefined;

/**
 * The page's `fetch` as it was when the client was first used. What wraps it later may report failures, and is not in
 * our way.
 */
export function nativeFetch(): typeof fetch {
  kept ??= globalThis.fetch;
  return kept;
}

const warned: Record<string, unknown> = {};

/** Says something in the console, once a page for each kind: whoever reports warnings gets no further one by that. */
export function warn(kind: string, why: unknown): void {
  if (!warned[kind]) console.warn(`levqor-errors: ${kind}: ${why}`);
  warned[kind] = 1;
}

/** Listens to the page, where there is one; a second time is the same as once. */
// biome-ignore lint/suspicious/noExplicitAny: of any event
export function on(type: string, listener: (event: any) => void): void {
  globalThis.addEventListener?.(type, listener);
}
