/** Next.js: its server's errors, and those of `error.tsx`. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { NextContext, NextRequest } from "../next.js";
import { type Client, type Collector, fresh, only } from "./support.js";

let client: Client;
let collector: Collector;
let next: typeof import("../next.js");

beforeEach(async () => {
  ({ client, collector } = await fresh());
  next = await import("../next.js");
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

const request: NextRequest = {
  path: "/cart/7?token=secret",
  method: "GET",
  headers: { cookie: "session=secret", authorization: "Bearer secret" },
};
const context: NextContext = {
  routerKind: "App Router",
  routePath: "/cart/[id]",
  routeType: "render",
  renderSource: "react-server-components",
  revalidateReason: undefined,
};

test("an error of the server is the collector's when Next.js goes on", async () => {
  client.init({ url: "https://errors.example", service: "web", release: "7" });
  await next.onRequestError(Object.assign(new Error("no cart"), { digest: "2338" }), request, context);
  const event = only(collector.events);
  expect(event).toMatchObject({
    source: "backend",
    service: "web",
    message: "no cart",
    path_or_screen: "/cart/7",
    release: "7",
    context: {
      tags: { digest: "2338" },
      request: { method: "GET", path: "/cart/7" },
      next: { routePath: "/cart/[id]", routeType: "render" },
    },
  });
  expect(JSON.stringify(event)).not.toContain("secret");
});

test("what init did not say is in the environment, as for the Python client", async () => {
  vi.stubEnv("LEVQOR_ERRORS_URL", "https://errors.example");
  vi.stubEnv("LEVQOR_ERRORS_SERVICE", "web");
  vi.stubEnv("LEVQOR_ERRORS_ENVIRONMENT", "staging");
  vi.stubEnv("LEVQOR_ERRORS_RELEASE", "8");
  vi.stubEnv("LEVQOR_ERRORS_KEY", "web-key-1234");
  client.init({ release: "7" });
  await next.onRequestError(new Error("no"), request, context);
  expect(only(collector.sent).url).toBe("https://errors.example/api/errors/log?key=web-key-1234");
  expect(only(collector.events)).toMatchObject({ service: "web", environment: "staging", release: "7" });
});

test("a collector that does not answer holds a request up for two seconds", async () => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", () => new Promise(() => undefined));
  const done = vi.fn();
  next.onRequestError(new Error("no"), request, context).then(done);
  await vi.advanceTimersByTimeAsync(1_900);
  expect(done).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  expect(done).toHaveBeenCalled();
});

test.each([undefined, null, "no", 7])("%s that was thrown is reported", async (thrown) => {
  await next.onRequestError(thrown, request, context);
  expect(only(collector.events).message).toBe(String(thrown));
});

test("error.tsx sends the digest that the server's event has", async () => {
  const error = Object.assign(new Error("An error occurred in the Server Components render."), { digest: "2338" });
  expect(next.logNextError("web", error)).toBeUndefined();
  // An effect may run twice.
  next.logNextError("web", error);
  await client.flush();
  expect(only(collector.events)).toMatchObject({
    source: "frontend",
    service: "web",
    context: { tags: { digest: "2338" } },
  });
});
