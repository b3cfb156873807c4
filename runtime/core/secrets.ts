/** Shorter values would blot out ordinary words. */
const SHORTEST = 8;
/** How many secrets are remembered; the oldest are forgotten first and are still caught by their surroundings. */
const MOST = 10_000;
const WINDOW = 8;
const REDACTED = "[secret]";

/** The secrets by eight characters of their middle: vendors give theirs common beginnings. */
const byMiddle = new Map<string, Set<string>>();
const remembered = new Set<string>();

/** Remembers a token, key or password of this process, so that {@link scrub} finds it wherever it turns up. */
export function rememberSecret(secret: string): void {
  for (const form of new Set([secret, encodeURIComponent(secret.toWellFormed()), JSON.stringify(secret).slice(1, -1)]))
    remember(form);
}

function remember(secret: string): void {
  if (secret.length < SHORTEST) return;
  if (remembered.delete(secret)) {
    remembered.add(secret);
    return;
  }
  remembered.add(secret);
  const key = middle(secret);
  const bucket = byMiddle.get(key);
  if (bucket) bucket.add(secret);
  else byMiddle.set(key, new Set([secret]));
  if (remembered.size > MOST) forget(remembered.values().next().value!);
}

function forget(secret: string): void {
  remembered.delete(secret);
  const key = middle(secret);
  const bucket = byMiddle.get(key)!;
  bucket.delete(secret);
  if (bucket.size === 0) byMiddle.delete(key);
}

function middle(secret: string): string {
  const start = middleStart(secret);
  return secret.slice(start, start + WINDOW);
}

function middleStart(secret: string): number {
  return (secret.length - WINDOW) >> 1;
}

/** Names under which secrets travel, in JSON, in URLs and in forms. */
export const SECRET_NAME =
  /^(authorization|proxy-authorization|cookie|set-cookie|(access|refresh|id|csrf|client)?_?-?token|code|code_?verifier|client_?secret|secret|password|api_?-?key|x-api-key|private_?key|encryption_?keys?|credentials)$/i;

const NAMES =
  "access_?token|refresh_?token|id_?token|client_?secret|code_?verifier|api_?key|password|token|secret|code|authorization";
const PATTERNS: [RegExp, string][] = [
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  [new RegExp(`(^|[?&\\s"';])(${NAMES})=([^&\\s"'<>\\\\]+)`, "gi"), `$1$2=${REDACTED}`],
  [new RegExp(`(\\\\?"(?:${NAMES})\\\\?"\\s*:\\s*\\\\?")((?:[^"\\\\]|\\\\[^"])+)`, "gi"), `$1${REDACTED}`],
  [/(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, REDACTED],
];

/** How tokens begin: our own, and those of the vendors whose connectors are loaded. */
const prefixes = new Set(["whsec_"]);
let prefixed = prefixPattern();

function prefixPattern(): RegExp {
  return new RegExp(`(?<!\\w)(${[...prefixes].map((prefix) => RegExp.escape(prefix)).join("|")})[\\w./+=-]{8,}`, "g");
}

/** Remembers how the tokens of a vendor begin, so that {@link scrub} finds those it has never seen. */
export function rememberTokenPrefixes(given: Iterable<string>): void {
  for (const prefix of given) prefixes.add(prefix);
  prefixed = prefixPattern();
}

/** The text with every remembered secret, and whatever looks like one by its surroundings, replaced. */
export function scrub(text: string): string {
  let clean = scrubRemembered(text);
  for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  return clean.replace(prefixed, REDACTED);
}

function scrubRemembered(text: string): string {
  let clean = "";
  let copied = 0;
  for (let i = 0; i + WINDOW <= text.length; i++) {
    const bucket = byMiddle.get(text.slice(i, i + WINDOW));
    if (bucket === undefined) continue;
    for (const secret of bucket) {
      const start = i - middleStart(secret);
      if (start < copied || !text.startsWith(secret, start)) continue;
      clean += text.slice(copied, start) + REDACTED;
      copied = start + secret.length;
      i = copied - 1;
      break;
    }
  }
  return copied === 0 ? text : clean + text.slice(copied);
}
