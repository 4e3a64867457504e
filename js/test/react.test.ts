// @vitest-environment jsdom

/** The boundary, in a real React. */

import { act, createElement, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { beforeEach, expect, test, vi } from "vitest";
import type { ErrorBoundaryProps } from "../react.js";
import { type Client, type Collector, fresh, only } from "./support.js";

let client: Client;
let collector: Collector;
let Boundary: typeof import("../react.js").ErrorBoundary;

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.spyOn(console, "error").mockReturnValue();
  ({ client, collector } = await fresh());
  ({ ErrorBoundary: Boundary } = await import("../react.js"));
  client.init({ url: "", service: "shop" });
});

let fails = true;
const thrown = new TypeError("no total");

function Total(): ReactNode {
  if (fails) throw thrown;
  return "42";
}

async function render(props: ErrorBoundaryProps): Promise<HTMLElement> {
  fails = true;
  const element = document.body.appendChild(document.createElement("div"));
  await act(async () => createRoot(element).render(createElement(Boundary, props, createElement(Total))));
  return element;
}

test("an error below is reported once, with its components", async () => {
  const element = await render({ service: "cart", severity: "critical", userEmail: "a@example.com" });
  expect(element.textContent).toBe("");
  await client.flush();
  expect(only(collector.events)).toMatchObject({
    service: "cart",
    severity: "critical",
    user_email: "a@example.com",
    message: "no total",
    context: { component_stack: expect.stringContaining("Total") },
  });
});

test("a boundary that is told nothing has init's service", async () => {
  await render({});
  await client.flush();
  expect(only(collector.events)).toMatchObject({ service: "shop", severity: "error" });
});

test("something else is shown in the place of what failed", async () => {
  expect((await render({ fallback: "Sorry" })).textContent).toBe("Sorry");
});

test("a fallback may say why, and try again", async () => {
  let again: () => void = () => undefined;
  const element = await render({
    fallback: (error, retry) => {
      again = retry;
      return `Sorry: ${(error as Error).message}`;
    },
  });
  expect(element.textContent).toBe("Sorry: no total");
  fails = false;
  await act(async () => again());
  expect(element.textContent).toBe("42");
});

test("an error that was logged where it was thrown is not reported again", async () => {
  client.logJSError("cart", thrown);
  await render({});
  await client.flush();
  expect(only(collector.events).service).toBe("cart");
});
