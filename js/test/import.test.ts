/** Where there is no page: importing touches nothing, and a server can call everything. */

import { expect, test, vi } from "vitest";
import { fresh, only } from "./support.js";

/** What a module could want of a page. None of them may be read, or be there, when it is imported. */
const PAGE = ["window", "document", "navigator", "location", "history", "localStorage", "fetch", "addEventListener"];

test.each(["../errorClient.js", "../react.js", "../next.js"])("importing %s touches no global", async (path) => {
  await import("react");
  vi.resetModules();
  const touched: string[] = [];
  const before = PAGE.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  for (const name of PAGE) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      get: () => {
        touched.push(name);
        return undefined;
      },
    });
  }
  const names = Object.keys(globalThis).length;
  const module = await import(path);
  for (const [name, descriptor] of before) {
    if (descriptor) Object.defineProperty(globalThis, name, descriptor);
    else Reflect.deleteProperty(globalThis, name);
  }
  expect(Object.keys(module).length).toBeGreaterThan(0);
  expect(touched).toEqual([]);
  expect(Object.keys(globalThis).length).toBeLessThanOrEqual(names);
});

test("everything can be called on a server, and what is reported arrives", async () => {
  expect(globalThis.document).toBeUndefined();
  const { client, collector } = await fresh();
  client.init({ url: "https://errors.example", service: "web" });
  client.installGlobalHandlers();
  client.recordBreadcrumbs({ navigation: true, fetch: true, clicks: true, console: true });
  client.keepOffline();
  client.addBreadcrumb("rendered");
  client.logJSError("web", new Error("no"));
  expect(await client.flush()).toBe(true);
  const event = only(collector.events);
  expect(event).toMatchObject({ message: "no", context: { breadcrumbs: [{ message: "rendered" }] } });
  expect(event.path_or_screen).toBeUndefined();
});
