import { HooklineError } from "../core/errors.ts";
import type { ConnectionRow } from "../model/connections.ts";
import type { Scope } from "../model/principal.ts";
import { sameText, sha256 } from "./oauth-steps.ts";

/** Who is there by the host's own login: null for nobody, undefined where the host has no login. */
export type Visitor = Scope | null | undefined;

/** Shorter ones could be guessed, or are no secret at all, such as the id of a user. */
const SHORTEST_SESSION = 16;

/** Refuses a session that is no secret. @throws HooklineError `invalid_input` */
export function assertSession(session: unknown): void {
  if (typeof session === "string" && session.length >= SHORTEST_SESSION) return;
  throw new HooklineError(
    "invalid_input",
    `session: must be a secret of the person's own browser, of at least ${SHORTEST_SESSION} characters, such as a session id`,
  );
}

/** Refuses a browser that does not hold the session whose hash is `expected`. @throws HooklineError `forbidden` */
export function assertSameBrowser(expected: string, sessions: readonly string[]): void {
  if (sessions.some((session) => sameText(expected, sha256(session)))) return;
  throw new HooklineError(
    "forbidden",
    "This authorization was begun in another browser. Finish it in the browser in which it was begun, or go back and connect again.",
  );
}

/** Refuses a visitor whose login is not that of the connection's user or an admin. @throws HooklineError `forbidden` */
export function assertVisitor({ user }: ConnectionRow, visitor: Visitor): void {
  if (visitor === undefined || (visitor && (visitor.user === undefined || visitor.user === user))) return;
  throw new HooklineError(
    "forbidden",
    visitor === null
      ? "You are not signed in. Sign in, then open the link again."
      : "This link is for another user. Sign in as the user it was made for, or connect an account of your own.",
  );
}
