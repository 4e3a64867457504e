/** Prints the sizes of the client, minified and compressed, and fails when one is over its bound: `npm run sizes`. */

import { bundle, gzipped, served } from "./bundle.mjs";

const CORE = 2_048;
const ALL = 4_096;

const core = "export { init, logClientError, logJSError, installGlobalHandlers, flush } from './errorClient.js'";
const all = "export * from './errorClient.js'; export * from './react.js'; export * from './next.js'";
const rows = [
  ["core: both functions, global handlers, batching, flush, dedupe, caps", await bundle(core), CORE],
  ["all options, with ./react and ./next", await bundle(all, { external: ["react"] }), ALL],
  ["/errorClient.js", await served(), ALL],
];
for (const [name, text, most] of rows) {
  const size = gzipped(text);
  console.log(`${String(size).padStart(6)} of ${most} bytes  ${name}`);
  if (size > most) process.exitCode = 1;
}
