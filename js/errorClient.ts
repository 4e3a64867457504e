/**
 * The browser client. `logClientError` and `logJSError` report; nothing here throws, and nothing waits for a network.
 *
 * report.ts -> queue.ts -> delivery.ts -> POST /api/errors/log
 */

import { report, start } from "./src/report.js";
import { options } from "./src/state.js";
import type { ClientError, Options, Severity } from "./src/types.js";

export { addBreadcrumb, type BreadcrumbKinds, recordBreadcrumbs } from "./src/breadcrumbs.js";
export { flush } from "./src/delivery.js";
export { installGlobalHandlers } from "./src/handlers.js";
export { keepOffline } from "./src/offline.js";
export type { ClientError, ErrorEvent, Options, Severity } from "./src/types.js";

/** Sets what goes with every event. Can be called again with what is known later, such as who signed in. */
export function init(given: Options): void {
  Object.assign(options, given);
  start();
}

/** Reports what went wrong, in words. */
export function logClientError(error: ClientError): void {
  report(error);
}

/** Reports an error: whatever was thrown, or was the reason of a rejected promise. */
export function logJSError(service: string, error: unknown, severity?: Severity, userEmail?: string): void {
  report({ service, severity, userEmail }, error);
}
