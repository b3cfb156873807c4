import { HooklineError } from "../core/errors.ts";
import type { Vendor } from "../accounts/vendors.ts";

/**
 * The address of a target below the vendor's base URL. A target cannot lead elsewhere: no host of its own, no step upwards,
 * at any depth of escaping. `credentials` are query parameters that take the place of the caller's of the same name.
 * @throws HooklineError `invalid_url`, `host_not_allowed`
 */
export function passthroughUrl(
  { url: base, assertHost }: Pick<Vendor, "url" | "assertHost">,
  target: string,
  credentials: Readonly<Record<string, string>> = {},
): URL {
  const [path = ""] = target.split("?", 1);
  assertPath(path);
  const root = new URL(base);
  const prefix = root.pathname.replace(/\/+$/, "");
  const url = URL.parse(`${root.origin}${prefix}/${target}`);
  // Whatever the checks above missed would show here: the address is read the way it is sent.
  if (url === null || url.origin !== root.origin || !url.pathname.startsWith(`${prefix}/`)) throw leaves(path);
  url.hash = "";
  assertHost(url);
  for (const [name, value] of Object.entries(credentials)) url.searchParams.set(name, value);
  return url;
}

/** Levels of escaping that are decoded. */
const MOST_ESCAPES = 5;

/** Refuses what a server on the way could take for something else than a plain path, at any depth of escaping. */
function assertPath(path: string): void {
  let text = path;
  for (let depth = 0; ; depth++) {
    if (/^\/|^[a-z][a-z0-9+.-]*:\/|[\\\p{Cc}]/iu.test(text)) throw leaves(path);
    // Some servers cut a segment at ";" before they read it.
    if (text.split("/").some((segment) => /^\.\.?(;|$)/.test(segment))) throw leaves(path);
    const decoded = unescape(text);
    if (decoded === text || (decoded === undefined && depth > 0)) return;
    if (decoded === undefined || depth === MOST_ESCAPES) throw leaves(path);
    text = decoded;
  }
}

function unescape(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function leaves(path: string): HooklineError {
  return new HooklineError(
    "invalid_url",
    `passthrough/${path}: a path of the vendor's API is needed, without a host, "//", "." or ".." in it`,
  );
}
