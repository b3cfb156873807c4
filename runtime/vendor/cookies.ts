/** Where a comma ends a cookie: in a date, no `name=` follows it. */
const BETWEEN = /,(?=\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+=)/;

/**
 * The cookies that an answer sets (RFC 6265 §4.1), by name; one that ends at once is none.
 * `header`: all `set-cookie` of an answer, joined by a comma.
 */
export function cookiesOf(header: string | undefined, now: number): Record<string, string> {
  const cookies = new Map<string, string>();
  for (const cookie of (header ?? "").split(BETWEEN)) {
    const [pair = "", ...attributes] = cookie.split(";").map((part) => part.trim());
    const equals = pair.indexOf("=");
    if (equals < 1) continue;
    const name = pair.slice(0, equals);
    if (attributes.some((attribute) => isOver(attribute, now))) cookies.delete(name);
    else cookies.set(name, pair.slice(equals + 1).replace(/^"(.*)"$/, "$1"));
  }
  return Object.fromEntries(cookies);
}

function isOver(attribute: string, now: number): boolean {
  const [, name = "", value = ""] = /^(max-age|expires)=(.*)$/i.exec(attribute) ?? [];
  if (name === "") return false;
  return /^max-age$/i.test(name) ? Number(value) <= 0 : Date.parse(value) <= now;
}
