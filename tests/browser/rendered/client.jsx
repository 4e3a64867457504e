import { hydrateRoot } from "react-dom/client";
import { flush, init, installGlobalHandlers } from "levqor-errors";
import { ErrorPage, Page } from "./page.jsx";

// The address is NEXT_PUBLIC_API_URL, which the bundler puts in.
init({ service: "web", release: "7" });
installGlobalHandlers();

const { digest } = document.body.dataset;
hydrateRoot(document.querySelector("#root"), digest ? <ErrorPage digest={digest} /> : <Page />);
globalThis.levqorErrors = { flush };
