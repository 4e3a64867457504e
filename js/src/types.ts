/** What the functions of the client take, and what goes over the wire. Types alone: nothing of this is in a bundle. */

/** The collector's severities, and the names that it takes for them. */
export type Severity =
  | "info"
  | "warning"
  | "error"
  | "critical"
  | "debug"
  | "log"
  | "notice"
  | "warn"
  | "fatal"
  | "alert"
  | "emergency";

/** What `logClientError` reports. */
export interface ClientError {
  /** The service's name; else that of `init`. */
  service?: string | undefined;
  /** What happened. */
  message: string;
  /** `error` if it is none that the collector knows. */
  severity?: Severity | undefined;
  /** Where the user was; else the page's path, without its query. */
  path?: string | undefined;
  /** Who the user was; else that of `init`. */
  userEmail?: string | undefined;
  /** A stack as text, as any browser writes it. */
  stack?: string | undefined;
}

/** An event as the collector takes it: docs/events.md. */
export interface ErrorEvent {
  event_id: string;
  created_at: string;
  source: "frontend" | "backend";
  service?: string | undefined;
  severity: string;
  message: string;
  path_or_screen?: string | undefined;
  user_email?: string | undefined;
  stack?: string | undefined;
  environment?: string | undefined;
  release?: string | undefined;
  fingerprint?: string | string[] | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: of any shape
  context: Record<string, any>;
}

/** What `init` takes. What is left out stays as it was, so that a later call can add what is known later. */
export interface Options {
  /**
   * The collector's address. A relative one ("", "/monitor") is of the page's own origin, and is what no ad-blocker
   * and no Content-Security-Policy stands in the way of. By default NEXT_PUBLIC_API_URL, else https://api.levqor.ai.
   */
  url?: string | undefined;
  /** The service's name, where a call gives none. */
  service?: string | undefined;
  /** The version that runs. */
  release?: string | undefined;
  /** `production`, `staging`, … */
  environment?: string | undefined;
  /** The service's ingest key, where the collector asks for one. It is public: it stands in the page. */
  key?: string | undefined;
  /** Who is signed in. */
  userEmail?: string | undefined;
  /** Short facts to go with every event. */
  tags?: Record<string, string> | undefined;
  /** `frontend`; a server says `backend`. */
  source?: "frontend" | "backend" | undefined;
  /**
   * The last word on every event: gives it back, changed or not, or `null` to leave it out. If it throws, the event is
   * left out, since it may be what takes out secrets; that is counted, and said once in the console.
   */
  beforeSend?: ((event: ErrorEvent) => ErrorEvent | null | undefined) | undefined;
}
