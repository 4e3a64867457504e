// The part of Next.js's server that matters here: it renders, and tells `onRequestError` of what fails.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { renderToString } from "react-dom/server";
import { onRequestError } from "./instrumentation.js";
import { ErrorPage, Page } from "./page.jsx";

const DIGEST = "2338041157";
const script = readFileSync(process.argv[2], "utf-8");

function loadCart() {
  throw Object.assign(new RangeError("no cart in the database"), { digest: DIGEST });
}

const server = createServer(async (request, response) => {
  if (request.url === "/client.js") {
    response.setHeader("Content-Type", "text/javascript");
    response.end(script);
    return;
  }
  let body = "";
  let attributes = "";
  try {
    if (request.url.startsWith("/broken")) loadCart();
    body = renderToString(<Page />);
  } catch (error) {
    const { url: path, method, headers } = request;
    const where = { routerKind: "App Router", routePath: "/broken", routeType: "render" };
    await onRequestError(error, { path, method, headers }, where);
    response.statusCode = 500;
    attributes = ` data-digest="${error.digest}"`;
    body = renderToString(<ErrorPage digest={error.digest} />);
  }
  response.setHeader("Content-Type", "text/html");
  response.end(
    `<!doctype html><title>Shop</title><link rel="icon" href="data:,"><body${attributes}><div id="root">${body}</div>` +
      '<script src="/client.js"></script>',
  );
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
