import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.{ts,mjs}"],
    unstubGlobals: true,
    restoreMocks: true,
    // Fewer and longer lived: the tests take less time than a process does to start.
    pool: "threads",
    maxWorkers: 2,
  },
});
