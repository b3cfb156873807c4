import { HooklineError, notFound } from "../core/errors.ts";

/** Who is asking: the embedding product itself, or one of its users, who sees and touches only their own things. */
export type Principal = { role: "admin" } | { role: "user"; user: string };

/** Whose things a caller may see and touch: one user's, or everybody's. Others do not exist for it. */
export interface Scope {
  user?: string;
}

/** Whose things a principal may see and touch. */
export function scopeOf(principal: Principal): Scope {
  return principal.role === "user" ? { user: principal.user } : {};
}

/** Whether a thing of this owner exists for a caller; `null` owns what belongs to the workspace. */
export function isVisible(owner: string | null, { user }: Scope): boolean {
  return user === undefined || owner === user;
}

/**
 * What was found, when it exists for the caller; `what` names it in the message: "flow".
 * @throws HooklineError `not_found`
 */
export function visible<Found extends { user: string | null }>(
  what: string,
  id: string,
  found: Found | undefined,
  scope: Scope = {},
): Found {
  if (found && isVisible(found.user, scope)) return found;
  throw notFound(what, id);
}

/**
 * The user a call is about: a user's own, whether named or not, or the one an admin named.
 * @throws HooklineError `forbidden` when a user names another
 */
export function ownerIn({ user }: Scope, named: string | undefined): string | undefined {
  if (user === undefined || named === undefined || named === user) return user ?? named;
  throw new HooklineError(
    "forbidden",
    "user: a user token acts for its own user only; leave it out, or use an API key",
  );
}

/**
 * For what belongs to no user. `operation` names it in the message.
 * @throws HooklineError `forbidden` for a user
 */
export function assertAdmin(operation: string, { user }: Scope): void {
  if (user === undefined) return;
  throw new HooklineError("forbidden", `${operation}: only an admin may do this; use an API key`);
}

/** Whether a name stands for the embedding product's own things: nobody signs in under one. */
export function isReserved(user: string): boolean {
  return user.startsWith("@");
}

/**
 * Checks the form of what a host's own login answers.
 * @throws TypeError for anything else than an admin or a user with a name; a user without one would be every user
 */
export function assertPrincipal(value: Principal): Principal {
  if (value.role === "user" && typeof value.user === "string" && isReserved(value.user)) {
    throw new TypeError('authenticate: a user whose id begins with "@" is reserved for the workspace');
  }
  if (value.role === "admin" || (value.role === "user" && typeof value.user === "string" && value.user !== "")) {
    return value;
  }
  throw new TypeError('authenticate: must answer { role: "admin" }, { role: "user", user: "<id>" } or null');
}
