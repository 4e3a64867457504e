/** Whatever is thrown, as text. */

import { expect, test } from "vitest";
import { describe } from "../src/describe.js";
import type { ClientError } from "../src/types.js";

function described(error: unknown, given: Partial<ClientError> = {}): Partial<ClientError> {
  describe(error, given);
  return given;
}

class CartError extends Error {
  override name = "CartError";
}

test.each<[string, unknown, string]>([
  ["an error", new Error("it broke"), "it broke"],
  ["an error without a message", new RangeError(), "RangeError"],
  ["a text", "it broke", "it broke"],
  ["a number", 404, "404"],
  ["nothing", undefined, "undefined"],
  ["null", null, "null"],
  ["a symbol", Symbol("s"), "Symbol(s)"],
  ["an object with a message", { message: "it broke" }, "it broke"],
  ["an object without", { code: 4, detail: "secret" }, "an object with code,detail"],
  ["an Event", { type: "error", target: { nodeName: "IMG" } }, "error event of IMG"],
  ["an Event of no element", { type: "error", target: new URL("ws://x/") }, "error event of ws://x/"],
])("the message of %s", (_, error, message) => {
  expect(described(error).message).toBe(message);
});

test("a stack of V8 is as it is", () => {
  const error = new TypeError("no");
  expect(described(error).stack).toBe(error.stack);
});

test.each([
  ["Firefox", "total@https://shop.example/app.js:1:2\nonclick@https://shop.example/:3:4\n"],
  ["Safari", "total@https://shop.example/app.js:1:2\n@https://shop.example/app.js:1:9"],
])("a stack of %s gets the name and the message that it lacks", (_, stack) => {
  const error = Object.assign(new CartError("no total"), { stack });
  expect(described(error).stack).toBe(`CartError: no total\n${stack}`);
});

test("a stack of V8 with an older name gets the present one before it", () => {
  const error = Object.assign(new CartError("no total"), { stack: "Error: no total\n    at f (a.js:1:2)" });
  expect(described(error).stack).toBe("CartError: no total\nError: no total\n    at f (a.js:1:2)");
});

test("causes are followed", () => {
  const error = new Error("outer", { cause: new CartError("middle", { cause: "inner" }) });
  expect(described(error).stack).toMatch(/^Error: outer\n.*\nCaused by: CartError: middle\n.*\nCaused by: inner$/s);
});

test("members of an AggregateError are followed, with their own causes", () => {
  const error = new AggregateError([new Error("one", { cause: new Error("why") }), new Error("two")], "all");
  const heads = described(error).stack?.match(/^(?:Caused by: )?\w*Error: .*$/gm);
  expect(heads).toEqual([
    "AggregateError: all",
    "Caused by: Error: one",
    "Caused by: Error: why",
    "Caused by: Error: two",
  ]);
});

test("a chain that leads back into itself ends", () => {
  const one = new Error("one");
  one.cause = new Error("two", { cause: one });
  expect(described(one).stack?.match(/Caused by/g)).toHaveLength(1);
});

test("a long chain is cut", () => {
  let error = new Error("0");
  for (let number = 1; number < 1_000; number++) error = new Error(String(number), { cause: error });
  expect(described(error).stack?.match(/Caused by/g)).toHaveLength(9);
});

test("many members are cut", () => {
  const error = new AggregateError(Array.from({ length: 100_000 }, (_, number) => `n${number}`));
  expect(described(error).stack?.match(/Caused by/g)).toHaveLength(9);
});

test("without a stack there is none, or the one that was given", () => {
  expect(described("it broke").stack).toBeUndefined();
  expect(described("it broke", { stack: "at a.js:1:2" }).stack).toBe("at a.js:1:2");
});
