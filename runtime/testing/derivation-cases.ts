import type { Derive } from "../../schemas/manifest.ts";
import { methodsOf } from "../accounts/credentials.ts";
import { HooklineError } from "../core/errors.ts";
import { isObject, pointerTokens } from "../core/json.ts";
import { Bench, type Subject } from "./bench.ts";
import { answerWith, merge, nest, satisfy } from "./invert.ts";
import { Finding, Skip, type Case } from "./outcome.ts";

const ITEM = "item-of-the-kit";
const OTHER = "another-item-of-the-kit";
const AT_ONCE = 5;

/** What a parent's vendor answers, and how often it was asked for a token. */
interface Vendor {
  bench: Bench;
  /** What the list and the tokens are answered with from now on. */
  say: { list: (page: number) => unknown; tokenIsFor: string };
  minted: () => number;
}

/** What becomes of connections that are derived from one. */
export function derivationCases(subject: Subject): Case[] {
  const [derive] = methodsOf(subject.connector.manifest.authentication).flatMap((method) =>
    method.type === "oauth2" && method.derive ? [method.derive] : [],
  );
  if (!derive) return [];
  const withVendor = (run: (vendor: Vendor) => Promise<void>) => async () => {
    await using bench = await Bench.open(subject, { captured: parentValues(derive) });
    await run(vendorOf(bench, derive));
  };
  return [
    { area: "authentication", name: "derived connections", run: withVendor(derivedOnes) },
    { area: "authentication", name: "a token for something else", run: withVendor(anothersToken) },
    { area: "authentication", name: "a list of what is installed that is none", run: withVendor(noList) },
  ];
}

/** What a parent has, as far as the condition asks for it; anything at all is what the bench gives by itself. */
function parentValues({ when }: Derive): Record<string, string> {
  const found = satisfy(when);
  const connection = isObject(found) && isObject(found["connection"]) ? found["connection"] : undefined;
  if (!connection) throw new Skip("no connection can be made from the manifest for which derive.when holds");
  return Object.fromEntries(
    Object.entries(connection).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
}

function vendorOf(bench: Bench, { each, proof, list: listed, token }: Derive): Vendor {
  if (!("path" in listed) || !("path" in token)) throw new Skip("the list and the tokens are no plain requests");
  const passing = each.where === undefined ? {} : satisfy(each.where);
  const item = isObject(passing) ? merge(passing["item"] ?? {}, nest(pointerTokens(each.id), ITEM)) : undefined;
  const answer = (items: unknown[]): unknown => answerWith(each.select, items)?.body;
  if (item === undefined || answer([item]) === undefined)
    throw new Skip("derive.each cannot be turned around to a list that it reads");
  let [pages, minted] = [0, 0];
  const say: Vendor["say"] = { list: (page) => answer(page === 0 ? [item] : []), tokenIsFor: ITEM };
  bench.server.faults.push((request) => {
    if (request.method === token.method && matches(token.path, request.path)) {
      minted++;
      const own = { access_token: `derived-token-of-the-kit-${minted}`, expires_in: 3600 };
      return { body: merge(own, answerWith(proof, say.tokenIsFor)?.body) };
    }
    return request.method === listed.method && matches(listed.path, request.path)
      ? { body: say.list(pages++) }
      : undefined;
  });
  return { bench, say, minted: () => minted };
}

/** Whether a path is one of a template's. */
function matches(template: string, path: string): boolean {
  const pattern = template.split(/\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`${pattern.join("[^/]*")}$`).test(path);
}

async function derivedOnes({ bench, minted }: Vendor): Promise<void> {
  const { accounts, connection, clock } = bench;
  const { data } = await accounts.derive(connection, { ids: [ITEM] });
  const made = data[0]?.connection;
  if (!made) throw new Finding(`${ITEM} was not derived: ${data[0]?.error?.message ?? "it is not listed"}`);
  if (made.account === null) throw new Finding("a derived connection has no account; let account read derive.values");
  clock.advance(24 * 60 * 60_000);
  const before = minted();
  await Promise.all(Array.from({ length: AT_ONCE }, () => accounts.tokens.open(made.id)));
  if (minted() - before !== 1) throw new Finding(`${minted() - before} tokens were asked for by ${AT_ONCE} at once`);
}

async function anothersToken({ bench, say }: Vendor): Promise<void> {
  say.tokenIsFor = OTHER;
  const { data } = await bench.accounts.derive(bench.connection, { ids: [ITEM] });
  if (data[0]?.connection)
    throw new Finding("a token for something else was taken; let derive.proof read what it is for");
}

async function noList({ bench, say }: Vendor): Promise<void> {
  for (const body of [{}, [], null, { message: "maintenance" }]) {
    say.list = () => body;
    const outcome = await bench.accounts.derived(bench.connection).catch((error: unknown) => error);
    if (!(outcome instanceof HooklineError))
      throw new Finding(`200 with ${JSON.stringify(body)} counts as a list; let derive.each.select read one place`);
  }
}
