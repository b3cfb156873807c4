import { randomBytes } from "node:crypto";

/** Seconds that a person has to agree at the vendor. */
const MAX_AGE = 600;

/** The cookie by which the callback knows the browser in which an authorization was begun. */
export interface ConsentCookie {
  /** What only this browser holds. */
  session: string;
  /** The `Set-Cookie` header. */
  header: string;
}

/**
 * A new cookie, one for each authorization, so that several tabs do not disturb each other. `callback` is the callback's
 * address as browsers see it; nothing else gets the cookie. `Lax` lets it come along when the vendor sends the person back.
 */
export function makeConsentCookie(callback: URL): ConsentCookie {
  const session = randomBytes(32).toString("base64url");
  const name = prefixOf(callback) + randomBytes(6).toString("hex");
  const attributes = [`Path=${callback.pathname}`, `Max-Age=${MAX_AGE}`, "HttpOnly", "SameSite=Lax"];
  if (isSecure(callback)) attributes.push("Secure");
  return { session, header: [`${name}=${session}`, ...attributes].join("; ") };
}

/** The sessions that a browser brings to the callback. */
export function readConsentCookies(callback: URL, header: string | undefined): string[] {
  const prefix = prefixOf(callback);
  return (header ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(prefix))
    .map((pair) => pair.slice(pair.indexOf("=") + 1));
}

/** `__Host-` would ask for the path /, and so for sending the cookie to the whole product. */
function prefixOf(callback: URL): string {
  return isSecure(callback) ? "__Secure-hookline-oauth-" : "hookline-oauth-";
}

function isSecure({ protocol }: URL): boolean {
  return protocol === "https:";
}
