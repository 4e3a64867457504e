/** The file that the collector serves is what the source makes. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SERVED, served } from "../scripts/bundle.mjs";

test("the served file is not stale; `npm run served` writes it", async () => {
  expect(readFileSync(SERVED, "utf-8") === (await served())).toBe(true);
});

test("no browser that we name fails to read it", () => {
  // Safari knows no lookbehind before 16.4, and would take the whole file for an error.
  expect(readFileSync(SERVED, "utf-8")).not.toContain("(?<");
});
