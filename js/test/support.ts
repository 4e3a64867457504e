/** A client of the test's own, and a collector that answers as the test says. */

import { vi } from "vitest";
import type { ErrorEvent } from "../errorClient.js";

export type Client = typeof import("../errorClient.js");

/** A request as it came. */
export interface Sent {
  url: string;
  body: string;
  init: RequestInit;
}

/** What the collector does with a request; nothing said: it commits all. `down` is no answer at all. */
export type Reply = "down" | { status?: number; body?: unknown; headers?: Record<string, string> };

/** Where a client's requests go. */
export class Collector {
  readonly sent: Sent[] = [];
  reply: (sent: Sent) => Reply | undefined = () => undefined;

  readonly fetch = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
    const sent = { url: String(url), body: String(init.body), init };
    this.sent.push(sent);
    const { length } = JSON.parse(sent.body);
    const reply = this.reply(sent) ?? {};
    if (reply === "down") throw new TypeError("Failed to fetch");
    const body = "body" in reply ? reply.body : { ok: true, accepted: length, rejected: [] };
    return new Response(typeof body === "string" ? body : JSON.stringify(body), {
      status: reply.status ?? 200,
      headers: reply.headers ?? {},
    });
  };

  /** All events that came, in their order; one that came twice is there twice. */
  get events(): ErrorEvent[] {
    return this.sent.flatMap(({ body }) => JSON.parse(body));
  }
}

/** A client as a page that was just loaded has it, and its collector. */
export async function fresh(): Promise<{ client: Client; collector: Collector }> {
  const collector = new Collector();
  vi.stubGlobal("fetch", collector.fetch);
  vi.resetModules();
  return { client: await import("../errorClient.js"), collector };
}

/** The first of a list, which must be there. */
export function only<T>(list: readonly T[]): T {
  if (list.length !== 1) throw new Error(`not one but ${list.length}: ${JSON.stringify(list)}`);
  return list[0] as T;
}

/** A page's listeners go when it does; jsdom's window stays for all tests of a file. */
export function listeners(): () => void {
  const added: Parameters<typeof removeEventListener>[] = [];
  const add = globalThis.addEventListener;
  vi.spyOn(globalThis, "addEventListener").mockImplementation((...given: Parameters<typeof addEventListener>) => {
    added.push(given as Parameters<typeof removeEventListener>);
    add.apply(globalThis, given);
  });
  return () => {
    for (const given of added) removeEventListener(...given);
  };
}
