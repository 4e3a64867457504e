// A page that is rendered on the server and hydrated in the browser, as Next.js does it.
import { useEffect, useState } from "react";
import { logNextError } from "levqor-errors/next";
import { ErrorBoundary } from "levqor-errors/react";

function Total({ broken }) {
  if (broken) throw new TypeError("the total cannot be shown");
  return <output>42</output>;
}

export function Page() {
  const [broken, setBroken] = useState(false);
  return (
    <main>
      <h1>Cart</h1>
      <ErrorBoundary service="cart" fallback={<p role="alert">Something is wrong here.</p>}>
        <Total broken={broken} />
      </ErrorBoundary>
      <button onClick={() => setBroken(true)}>Break</button>
      <button
        onClick={() => {
          throw new Error("a handler failed");
        }}
      >
        Fail
      </button>
    </main>
  );
}

// error.tsx. In production Next.js gives it the digest and a text that says nothing.
export function ErrorPage({ digest }) {
  useEffect(() => {
    const error = new Error("An error occurred in the Server Components render.");
    logNextError("web", Object.assign(error, { digest }));
  }, [digest]);
  return <h1>Sorry</h1>;
}
