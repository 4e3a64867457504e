/** Bundles as an application's bundler makes them, and how large they are: for the served file, its check and the bench. */

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL("..", import.meta.url));

/** The file that the collector serves. */
export const SERVED = fileURLToPath(
  new URL("../../src/levqor_errors/collector/browser/errorClient.js", import.meta.url),
);

const OPTIONS = { bundle: true, minify: true, format: "esm", target: "es2022", write: false, logLevel: "error" };

/** A minified bundle of a piece of source, as text. */
export async function bundle(contents, options = {}, resolveDir = HERE) {
  const result = await build({ ...OPTIONS, stdin: { contents, resolveDir }, ...options });
  return result.outputFiles[0].text;
}

/** What the served file has to be. */
export async function served() {
  // Not by `import`: by itself the package has no side effects.
  const result = await build({ ...OPTIONS, entryPoints: [`${HERE}/src/script.ts`], format: "iife" });
  return result.outputFiles[0].text;
}

/** Bytes as they travel. */
export function gzipped(text) {
  return gzipSync(text, { level: 9 }).length;
}
