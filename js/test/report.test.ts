/** The two functions: what they send, and that nothing that they are given stops the page. */

import { beforeEach, describe, expect, test, vi } from "vitest";
import type { ErrorEvent } from "../errorClient.js";
import { type Client, type Collector, fresh, only } from "./support.js";

let client: Client;
let collector: Collector;

beforeEach(async () => {
  vi.spyOn(console, "warn").mockReturnValue();
  ({ client, collector } = await fresh());
});

async function sent(): Promise<ErrorEvent> {
  expect(await client.flush()).toBe(true);
  return only(collector.events);
}

test("logClientError sends what it is given", async () => {
  client.init({ url: "", service: "shop", release: "1.2", environment: "staging", userEmail: "a@example.com" });
  const before = Date.now();
  expect(client.logClientError({ service: "cart", message: "no total", severity: "critical" })).toBeUndefined();
  const event = await sent();
  expect(event).toMatchObject({
    source: "frontend",
    service: "cart",
    message: "no total",
    severity: "critical",
    user_email: "a@example.com",
    release: "1.2",
    environment: "staging",
    context: {},
  });
  expect(event.event_id).toMatch(/^[0-9a-f]{32}$/);
  expect(Date.parse(event.created_at)).toBeGreaterThanOrEqual(before);
});

test("what a call says wins over what init said", async () => {
  client.init({ service: "shop", userEmail: "a@example.com" });
  client.logClientError({
    service: "cart",
    message: "x",
    path: "/pay",
    userEmail: "b@example.com",
    stack: "at f (a.js)",
  });
  expect(await sent()).toMatchObject({
    service: "cart",
    path_or_screen: "/pay",
    user_email: "b@example.com",
    stack: "at f (a.js)",
  });
});

test("init adds to what it was told before", async () => {
  client.init({ service: "shop", release: "1" });
  client.init({ userEmail: "a@example.com" });
  client.logClientError({ message: "x" });
  expect(await sent()).toMatchObject({ service: "shop", release: "1", user_email: "a@example.com" });
});

test("logJSError sends message, name and stack", async () => {
  expect(client.logJSError("shop", new TypeError("x is undefined"), "warning", "a@example.com")).toBeUndefined();
  const event = await sent();
  expect(event).toMatchObject({
    service: "shop",
    message: "x is undefined",
    severity: "warning",
    user_email: "a@example.com",
  });
  expect(event.stack).toMatch(/^TypeError: x is undefined\n {4}at .*report\.test\.ts/);
});

test("every event has an id of its own", async () => {
  for (let number = 0; number < 25; number++) client.logClientError({ message: `number ${number}` });
  await client.flush();
  expect(new Set(collector.events.map((event) => event.event_id)).size).toBe(25);
});

const hostile: Record<string, unknown> = {
  nothing: undefined,
  null: null,
  "a number": 404,
  "an empty text": "",
  "a symbol": Symbol("s"),
  "a bigint": 10n,
  "a function": () => 1,
  "an object without a prototype": Object.create(null),
  "a getter that throws": {
    get message() {
      throw new Error("no");
    },
  },
  "a proxy that throws": new Proxy(
    {},
    {
      get() {
        throw new Error("no");
      },
    },
  ),
  "a revoked proxy": (() => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  })(),
  "a text that throws": {
    message: {
      toString() {
        throw new Error("no");
      },
    },
  },
  "a message that is none": { message: { a: 1 } },
  "a stack that is none": Object.assign(new Error("x"), { stack: [1, 2] }),
  "errors that are none": Object.assign(new Error("x"), { errors: { a: 1 } }),
  "a frozen error": Object.freeze(new Error("x")),
};

describe.each(Object.entries(hostile))("%s", (_, value) => {
  test("as an error is reported, as one event", async () => {
    client.logJSError("shop", value);
    const event = await sent();
    expect(event.message).toBeTypeOf("string");
    expect(event.message.trim()).not.toBe("");
    for (const field of Object.values({ ...event, context: undefined })) {
      expect(["string", "undefined"]).toContain(typeof field);
    }
  });

  test("anywhere else stops nothing", async () => {
    const anything = value as never;
    client.logClientError(anything);
    client.logClientError({ service: anything, message: anything, severity: anything, path: anything } as never);
    client.logJSError(anything, new Error("x"), anything, anything);
    client.init({ service: anything, userEmail: anything, release: anything });
    client.logClientError({ message: "after" });
    await client.flush();
    for (const event of collector.events) {
      for (const [name, field] of Object.entries(event))
        if (name !== "context" && field !== null) expect(field).toBeTypeOf("string");
    }
  });
});

test.each([
  ["critical", "critical"],
  ["fatal", "fatal"],
  ["warn", "warn"],
  ["info", "info"],
  ["urgent", "error"],
  ["", "error"],
  [undefined, "error"],
  [3, "error"],
])("severity %s is %s", async (given, taken) => {
  client.logClientError({ message: "x", severity: given as never });
  expect((await sent()).severity).toBe(taken);
});

test("texts are cut to what a page may still send while it is left", async () => {
  const long = "x".repeat(1_000_000);
  client.logClientError({ message: long, stack: long, path: long });
  expect(JSON.stringify(await sent()).length).toBeLessThan(62_000);
});

describe("the address", () => {
  async function used(): Promise<string> {
    client.logClientError({ message: "x" });
    await client.flush();
    return only(collector.sent).url;
  }

  test("is Levqor's if nothing is said", async () => {
    expect(await used()).toBe("https://api.levqor.ai/api/errors/log");
  });

  test("is NEXT_PUBLIC_API_URL", async () => {
    vi.stubEnv("NEXT_PUBLIC_API_URL", "https://errors.example/");
    expect(await used()).toBe("https://errors.example/api/errors/log");
    vi.unstubAllEnvs();
  });

  test("is what init says before all", async () => {
    vi.stubEnv("NEXT_PUBLIC_API_URL", "https://errors.example");
    client.init({ url: "/monitor" });
    expect(await used()).toBe("/monitor/api/errors/log");
    vi.unstubAllEnvs();
  });

  test("may be the page's own", async () => {
    client.init({ url: "" });
    expect(await used()).toBe("/api/errors/log");
  });

  test("has the key, since a beacon has no headers", async () => {
    client.init({ url: "", key: "shop-key-1234" });
    expect(await used()).toBe("/api/errors/log?key=shop-key-1234");
  });

  test("needs no process", async () => {
    client.logClientError({ message: "x" });
    vi.stubGlobal("process", undefined);
    const flushed = client.flush();
    vi.unstubAllGlobals();
    await flushed;
    expect(only(collector.sent).url).toBe("https://api.levqor.ai/api/errors/log");
  });
});

test("a request needs no preflight", async () => {
  client.logClientError({ message: "x" });
  await client.flush();
  const { init } = only(collector.sent);
  expect(init.method).toBe("POST");
  expect(init.headers).toBeUndefined();
  expect(new Request("http://localhost", init as RequestInit & { duplex: "half" }).headers.get("content-type")).toBe(
    "text/plain;charset=UTF-8",
  );
});

describe("beforeSend", () => {
  test("may change an event", async () => {
    client.init({ beforeSend: (event) => ({ ...event, message: event.message.replace(/\d+/, "N") }) });
    client.logClientError({ message: "card 4111" });
    expect((await sent()).message).toBe("card N");
  });

  test.each([null, undefined])("leaves one out with %s", async (nothing) => {
    client.init({ beforeSend: () => nothing });
    client.logClientError({ message: "x" });
    await client.flush();
    expect(collector.sent).toEqual([]);
    expect(console.warn).not.toHaveBeenCalled();
  });

  test.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("secret 1234");
      },
    ],
    ["gives a promise", async () => ({ message: "x" })],
    ["gives what is no event", () => ({})],
    ["gives a text", () => "x"],
  ])("leaves an event out if it %s, counts it, and says so once", async (_, beforeSend) => {
    client.init({ beforeSend: beforeSend as never });
    for (let number = 0; number < 3; number++) client.logClientError({ message: `secret ${number}` });
    const event = await sent();
    expect(event).toMatchObject({ message: "beforeSend failed", context: { suppressed: 2 } });
    expect(JSON.stringify(event)).not.toContain("secret");
    expect(console.warn).toHaveBeenCalledTimes(1);
  });

  test("that gives what cannot be written down stops nothing", async () => {
    const cycle: Record<string, unknown> = {};
    cycle.cycle = cycle;
    client.init({ beforeSend: (event) => (event.message === "bad" ? { ...event, context: cycle } : event) });
    client.logClientError({ message: "bad" });
    client.logClientError({ message: "good" });
    expect((await sent()).message).toBe("good");
  });

  test("cannot change the id, by which a second try is known", async () => {
    let id = "";
    client.init({
      beforeSend: ({ event_id, message, context }) => {
        id = event_id;
        return { message, context } as ErrorEvent;
      },
    });
    client.logClientError({ message: "x" });
    expect((await sent()).event_id).toBe(id);
  });

  test("that reports goes round no loop", async () => {
    let calls = 0;
    client.init({
      beforeSend: (event) => {
        calls++;
        client.logClientError({ message: `inner ${calls}` });
        client.logJSError("shop", new Error(`inner ${calls}`));
        return event;
      },
    });
    client.logClientError({ message: "outer" });
    expect((await sent()).message).toBe("outer");
    expect(calls).toBe(1);
  });
});

test("what a page does to its objects later is not sent", async () => {
  const extra = { total: 1 };
  client.init({ beforeSend: (event) => ({ ...event, context: { extra } }) });
  client.logClientError({ message: "x" });
  extra.total = 2;
  expect((await sent()).context.extra).toEqual({ total: 1 });
});
