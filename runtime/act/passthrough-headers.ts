type Incoming = Readonly<Record<string, string | string[] | undefined>>;

/** What a caller's request may say to a vendor under its own name. */
const PASSED = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-range",
  "content-type",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "prefer",
  "range",
]);

/**
 * `hookline-forward-notion-version: 2022-06-28` reaches the vendor as `notion-version`. Any other header of a caller stays
 * here: it may be the login of the host's own product.
 */
export const FORWARD_PREFIX = "hookline-forward-";

/** Of one connection only (RFC 9110 §7.6.1), or about the message's frame, which each connection has of its own. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** What would replace the connection's credentials, or make the vendor believe something about who is asking. */
const NEVER_FORWARDED = /^(authorization|cookie|host|content-length|forwarded|via|x-forwarded-.*|x-real-ip)$/;

/** What holds for a whole origin, which here is not the vendor's; and what this API says itself of every answer. */
const OF_AN_ORIGIN =
  /^(set-cookie2?|strict-transport-security|clear-site-data|alt-svc|nel|report-to|reporting-endpoints|refresh|origin-agent-cluster|service-worker-allowed|x-.*-policy|access-control-.*|content-security-policy.*|cross-origin-.*|permissions-policy|referrer-policy|x-content-type-options|x-frame-options|x-xss-protection|cache-control)$/;

/**
 * The headers of the request to the vendor; `own` are the connector's and the connection's, which win. `streams` when the body
 * is passed on as it was packed and measured.
 */
export function vendorHeaders(
  given: Incoming,
  own: Readonly<Record<string, unknown>>,
  streams: boolean,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const asked = name.startsWith(FORWARD_PREFIX) ? name.slice(FORWARD_PREFIX.length) : PASSED.has(name) ? name : "";
    if (asked === "" || HOP_BY_HOP.has(asked) || NEVER_FORWARDED.test(asked)) continue;
    headers[asked] = String(value);
  }
  if (!streams) delete headers["content-encoding"];
  else if (typeof given["content-length"] === "string") headers["content-length"] = given["content-length"];
  for (const [name, value] of Object.entries(own)) headers[name.toLowerCase()] = String(value);
  return headers;
}

/** The headers of the vendor's answer that a caller gets. */
export function answerHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const named = (headers["connection"] ?? "").toLowerCase().split(/\s*,\s*/);
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !HOP_BY_HOP.has(name) && !named.includes(name) && !OF_AN_ORIGIN.test(name),
    ),
  );
}
