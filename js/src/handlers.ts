/** What nobody handles: errors, and rejected promises. */

import { report, start } from "./report.js";
import { on, warn } from "./state.js";

/** Reports what nobody handles from here on. Calling it again, or where there is no page, does nothing. */
export function installGlobalHandlers(): void {
  start();
  on("error", onError);
  on("unhandledrejection", onRejection);
}

function onError({ error, message, filename, lineno, colno }: ErrorEvent): void {
  if (!error && message == "Script error.") {
    warn(message, "its script needs crossorigin");
  } else {
    report({ stack: `at ${filename}:${lineno}:${colno}` }, error ?? message, true);
  }
}

function onRejection(event: PromiseRejectionEvent): void {
  // Bluebird and its like have it in `detail`.
  report({}, event.reason ?? (event as unknown as CustomEvent).detail?.reason, true);
}
