/** What the collector serves as `/errorClient.js`: the client for a page without a bundler, set up by its own element. */

import {
  addBreadcrumb,
  flush,
  init,
  installGlobalHandlers,
  keepOffline,
  logClientError,
  logJSError,
  recordBreadcrumbs,
} from "../errorClient.js";

const { src, dataset } = document.currentScript as HTMLScriptElement;
const { service, release, environment, key, user, breadcrumbs, offline } = dataset as Record<
  string,
  string | undefined
>;

// From where the script comes, unless it is said otherwise: the collector may stand below a path of another host.
init({ url: dataset.url ?? src.replace(/\/[^/]*$/, ""), service, release, environment, key, userEmail: user });
installGlobalHandlers();
if (offline != null) keepOffline();
if (breadcrumbs != null) {
  const kinds = breadcrumbs.split(/\W+/).filter(Boolean);
  recordBreadcrumbs(kinds[0] ? Object.fromEntries(kinds.map((kind) => [kind, true])) : undefined);
}
Object.assign(globalThis, {
  levqorErrors: { addBreadcrumb, flush, init, logClientError, logJSError },
});
