/**
 * The support chat of the page: one for anyone, one for signed-in customers. What fails between here and their two APIs
 * is reported under the API's own service, so that both sides of a failure stand beside each other on the dashboard.
 */

const CHATS = {
  public: { service: "support_chat_public", path: "/api/support/public" },
  private: { service: "support_chat_private", path: "/api/support/private" },
};
const SORRY = "Sorry, something went wrong here. Please ask again later.";
/** Milliseconds until we think that no answer will come. */
const PATIENCE = 20_000;

const form = document.querySelector("form");
const said = document.querySelector(".said");

/** What to say to a question. Rejects when the API cannot be reached, or does not answer as it should. */
async function answerTo(question, { chat, email, token }) {
  const { service, path } = CHATS[chat];
  const request = { method: "POST", signal: AbortSignal.timeout(PATIENCE) };
  request.headers = { "Content-Type": "application/json", ...(chat === "private" && { Authorization: `Bearer ${token}` }) };
  request.body = JSON.stringify({ message: question, ...(email && { email }) });
  const response = await fetch(path, request);
  if (response.status >= 500) {
    // From a proxy it may be anything.
    const { reference } = await response.json().catch(() => ({}));
    // There is no exception here, only an answer. The reference is the id of the event that the server has reported.
    window.levqorErrors?.logClientError({
      service,
      message: `the chat answered ${response.status}, reference ${reference ?? "unknown"}`,
      path,
      userEmail: email,
    });
    return reference ? `${SORRY} If you write to us, quote ${reference}.` : SORRY;
  }
  const body = await response.json();
  // A 4xx is the visitor's mistake: he is told, and nobody else.
  return response.ok ? body.answer : `That did not work: ${body.error}.`;
}

function say(text, who) {
  const line = document.createElement("li");
  line.className = who;
  line.textContent = text;
  said.append(line);
  said.scrollTop = said.scrollHeight;
  return line;
}

async function ask(question) {
  const { chat, email, token } = Object.fromEntries(new FormData(form));
  say(question, "question");
  const line = say("…", "answer");
  try {
    line.textContent = await answerTo(question, { chat, email, token });
  } catch (error) {
    // Without the `?.` a visitor whose browser blocks the client would not even get the apology.
    window.levqorErrors?.logJSError(CHATS[chat].service, error, "error", email);
    line.textContent = SORRY;
  }
  said.scrollTop = said.scrollHeight;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = form.elements.question.value.trim();
  form.elements.question.value = "";
  if (question) ask(question);
});
for (const idea of document.querySelectorAll(".ideas button")) {
  idea.addEventListener("click", () => ask(idea.textContent));
}
