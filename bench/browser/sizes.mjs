/** What a page has to load for each, by one bundler with the same options: `make bench-browser`. */

import { fileURLToPath } from "node:url";
import { bundle, gzipped, served } from "../../js/scripts/bundle.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));

const cases = [
  [
    "levqor-errors, core",
    "export { init, logClientError, logJSError, installGlobalHandlers, flush } from './errorClient.js'",
  ],
  [
    "levqor-errors, all options",
    "export * from './errorClient.js'; export * from './react.js'; export * from './next.js'",
    { external: ["react"] },
  ],
  ["levqor-errors, /errorClient.js", undefined],
  ["@sentry/browser", "export { init, captureException, captureMessage, flush } from '@sentry/browser'", {}, HERE],
  ["@honeybadger-io/js", "export { default } from '@honeybadger-io/js'", {}, HERE],
  ["@bugsnag/js", "export { default } from '@bugsnag/js'", {}, HERE],
];

console.log("| client | minified | min + gzip | times the core |\n|---|---:|---:|---:|");
let core = 0;
for (const [name, source, options = {}, resolveDir] of cases) {
  const text = source
    ? await bundle(source, { platform: "browser", ...options }, resolveDir)
    : await served();
  const size = gzipped(text);
  core ||= size;
  const count = (number) => number.toLocaleString("en");
  console.log(`| ${name} | ${count(text.length)} | ${count(size)} | ${(size / core).toFixed(1)} |`);
}
