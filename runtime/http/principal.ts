import { HooklineError } from "../core/errors.ts";

/** Who is asking: the embedding product itself, or one of its users, who sees and touches only their own things. */
export type Principal = { role: "admin" } | { role: "user"; user: string };

/** Whose things a query may find; `{}` is everybody's. */
export function scopeOf(principal: Principal): { user?: string } {
  return principal.role === "user" ? { user: principal.user } : {};
}

/**
 * The user a request is about: a user's own, whether named or not, or the one an admin named.
 * Throws `forbidden` when a user names another.
 */
export function userNamed(principal: Principal, named: string | undefined): string | undefined {
  if (principal.role === "admin") return named;
  if (named === undefined || named === principal.user) return principal.user;
  throw new HooklineError(
    "forbidden",
    "user: a user token acts for its own user only; leave it out, or use an API key",
  );
}

/** Throws `TypeError` for what a host's own login must not answer: above all a user without a name, who would be everybody. */
export function assertPrincipal(value: Principal): Principal {
  if (value.role === "admin" || (value.role === "user" && typeof value.user === "string" && value.user !== "")) {
    return value;
  }
  throw new TypeError('authenticate: must answer { role: "admin" }, { role: "user", user: "<id>" } or null');
}
