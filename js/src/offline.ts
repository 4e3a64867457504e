/**
 * Events that outlive their page: opt-in, in `localStorage`, as what they are sent as. Each is claimed for a while by
 * the page that sends it; a claim that ran out is a page that is gone, and the next one sends what it left. Two that
 * claim at once send it twice, and the collector stores it once.
 */

import { schedule } from "./delivery.js";
import { queue } from "./queue.js";
import { hooks, on } from "./state.js";
import type { ErrorEvent } from "./types.js";

const PREFIX = "levqor-errors:";
/** Milliseconds. */
const CLAIM = 60_000;
/** Events of all pages of an origin together; the oldest go first. */
const EVENTS = 50;

/** What this page has taken upon itself, by name. */
const mine = new Set<string>();

/** Keeps events until the collector has them, also beyond the page's end, and sends what earlier pages left. */
export function keepOffline(): void {
  if (!storage()) return;
  hooks.keep = (event, json) => {
    const kept = names();
    for (const name of kept.slice(0, Math.max(0, kept.length + 1 - EVENTS))) storage()?.removeItem(name);
    write(nameOf(event), json);
  };
  hooks.forget = (events) => {
    for (const { event } of events) {
      mine.delete(nameOf(event));
      storage()?.removeItem(nameOf(event));
    }
  };
  adopt();
  on("online", adopt);
}

/** Takes over what pages left that are gone. */
function adopt(): void {
  for (const name of names()) {
    const [claimed = "", json = ""] = storage()?.getItem(name)?.split(/ (.*)/s) ?? [];
    if (+claimed > Date.now() || mine.has(name)) continue;
    try {
      const event: ErrorEvent = JSON.parse(json);
      if (nameOf(event) != name) throw name;
      write(name, json);
      queue.push({ event, json, due: 0, key: "" });
    } catch {
      // Somebody else wrote it.
      storage()?.removeItem(name);
    }
  }
  schedule();
}

function write(name: string, json: string): void {
  mine.add(name);
  try {
    storage()?.setItem(name, `${Date.now() + CLAIM} ${json}`);
  } catch {
    // It is full, with what is not ours. The event is sent all the same.
  }
}

/** In the order of time. */
function names(): string[] {
  return Object.keys(storage() ?? {})
    .filter((name) => name.startsWith(PREFIX))
    .sort();
}

function nameOf({ created_at, event_id }: ErrorEvent): string {
  return PREFIX + created_at + event_id;
}

/** None where there is no page, or where it may not keep anything. */
function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return;
  }
}
