import type { Authentication } from "../../schemas/manifest.ts";
import type { Context } from "../engine/context.ts";
import { Lru } from "../core/lru.ts";
import { noteProofs } from "../model/connection-upkeep.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { methodsOf, type OpenConnection } from "./credentials.ts";
import type { Grants } from "./grants.ts";
import { hasAll, isEmpty, openProofs, relate, sealProofs, together, type Evidence, type Identity } from "./proofs.ts";
import type { TokenResponse } from "./token-endpoint.ts";
import type { VendorOf } from "./vendors.ts";
import { verify } from "./verify.ts";

/** How connections learn which account they lead to, beside authorizations. */
export interface Learn {
  /**
   * With a renewal of its token, for a connection of which nothing proves the account. That costs a request, until one proves it. A
   * failure is logged, and it is tried again with the next renewal.
   */
  renewed(renewed: OpenConnection, answer: TokenResponse): Promise<void>;
  /** With an answer of the vendor, in the same way and in the background, at most once an hour for a connection, and not in its first. */
  answered(opened: OpenConnection): void;
  /** From what a test has proved beyond what is known. */
  tested(row: ConnectionRow, found: Identity): Promise<void>;
  /** Settles once nothing is learnt in the background. */
  settled(): Promise<void>;
}

const PAUSE_MS = 60 * 60_000;
/** Connections that are remembered for that pause. */
const MOST_ASKED = 10_000;

/** Makes the service by which connections learn their accounts. */
export function createLearn(
  { db, vault, clock, log }: Pick<Context, "db" | "vault" | "clock" | "log">,
  { vendorOf, grants }: { vendorOf: VendorOf; grants: Grants },
): Learn {
  const asked = new Lru<string, number>(MOST_ASKED);
  const underway = new Set<Promise<void>>();

  const tested = async (row: ConnectionRow, found: Identity): Promise<void> => {
    if (isEmpty(found.account) && isEmpty(found.grant)) return;
    const known = openProofs(vault, row);
    const isKnown = row.proofs !== null && hasAll(known.account, found.account) && hasAll(known.grant, found.grant);
    if (isKnown || relate(known.account, found.account) === "other") return;
    const identity = together(known, found);
    const hashes = await grants.hashesOf(row.connector, identity.grant);
    const proved = { proofs: sealProofs(vault, row, identity), grants: hashes };
    await db.transaction((tx) => noteProofs(tx, row, proved));
  };

  const ask = async ({ row, credentials }: OpenConnection, token?: Evidence["token"]): Promise<void> => {
    try {
      if (!isEmpty(openProofs(vault, row).account)) return;
      const { identity, failure } = await verify(vendorOf(row.connector), row, credentials, clock, token);
      if (failure) throw failure;
      await tested(row, identity);
    } catch (error) {
      log.warn({ connection: row.id, error }, "it could not be learnt which account a connection leads to");
    }
  };

  return {
    tested,
    renewed: (opened, { response, claims = {} }) => ask(opened, { body: response.body, claims }),
    answered: (opened) => {
      const { row } = opened;
      const { authentication } = vendorOf(row.connector).connector.manifest;
      const now = clock.now();
      // What has just been connected has just been tested.
      const last = Math.max(asked.get(row.id) ?? 0, row.createdAt);
      if (row.authType !== "oauth2" || now < last + PAUSE_MS || !isProvedByTest(authentication)) return;
      asked.set(row.id, now);
      const work = ask(opened).finally(() => underway.delete(work));
      underway.add(work);
    },
    settled: async () => void (await Promise.all(underway)),
  };
}

/** Whether a test can prove an account: an id token comes with tokens alone. */
function isProvedByTest(authentication: Authentication): boolean {
  const method = methodsOf(authentication).find(({ type }) => type === "oauth2");
  return method?.type === "oauth2" && JSON.stringify(method.account ?? {}).includes("response");
}
