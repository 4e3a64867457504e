/**
 * For Next.js: what fails on its server, from `instrumentation.ts`, and what its `error.tsx` is shown. A server's error
 * reaches the browser without its text; the digest, sent along from both sides, tells that they are one.
 */

import { flush } from "./src/delivery.js";
import { report } from "./src/report.js";
import { options } from "./src/state.js";
import type { ErrorEvent } from "./src/types.js";

declare const process: { env: Record<string, string | undefined> };

/** Milliseconds that a request's end may wait for the collector. */
const PATIENCE = 2_000;

/** What Next.js tells of a request. Its headers are not reported: they have cookies. */
export interface NextRequest {
  path: string;
  method: string;
  headers: Record<string, string | string[] | undefined>;
}

/** What Next.js tells of where in an application it was. */
export interface NextContext {
  routerKind: string;
  routePath: string;
  routeType: string;
  renderSource?: string | undefined;
  revalidateReason?: string | undefined;
  renderType?: string | undefined;
}

/**
 * Next.js calls it with each error of its server, if `instrumentation.ts` exports it:
 * `export { onRequestError } from "levqor-errors/next"`.
 *
 * What was not set by `init` is taken from `LEVQOR_ERRORS_URL`, `_SERVICE`, `_ENVIRONMENT`, `_RELEASE` and `_KEY`, as
 * the Python client does. It waits for the collector, for two seconds at most, since a serverless process may be stopped
 * once it returns.
 */
export async function onRequestError(error: unknown, request: NextRequest, context: NextContext): Promise<void> {
  const { env } = process;
  options.url ??= env.LEVQOR_ERRORS_URL;
  options.service ??= env.LEVQOR_ERRORS_SERVICE;
  options.environment ??= env.LEVQOR_ERRORS_ENVIRONMENT;
  options.release ??= env.LEVQOR_ERRORS_RELEASE;
  options.key ??= env.LEVQOR_ERRORS_KEY;
  const path = request.path.replace(/[?#].*/s, "");
  const more: Partial<ErrorEvent> = {
    source: "backend",
    context: { tags: tagsOf(error), request: { method: request.method, path }, next: { ...context } },
  };
  report({ path }, error, true, more);
  await Promise.race([flush(), new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
}

/** For `error.tsx` and `global-error.tsx`: `useEffect(() => logNextError("shop", error), [error])`. */
export function logNextError(service: string, error: Error & { digest?: string }): void {
  report({ service }, error, true, { context: { tags: tagsOf(error) } });
}

function tagsOf(error: unknown): { digest: string } | undefined {
  const digest = (error as { digest?: unknown } | null)?.digest;
  return digest ? { digest: String(digest) } : undefined;
}
