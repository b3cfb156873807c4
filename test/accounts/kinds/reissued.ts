import { onTestFinished } from "vitest";
import { openDatabase } from "../../../runtime/store/open.ts";
import type { Manifest } from "../../../schemas/manifest.ts";
import { createTestStore } from "../../postgres.ts";
import type { Reply, Seen } from "../harness.ts";
import { kindWith } from "./kind.ts";

export const HOUR = 3_600_000;
export const STORES = ["sqlite", "postgres"] as const;
const PROCESSES = 4;
const CALLERS = 4;
const ROUNDS = 3;
export const SEND = { scope: "action", kind: "read", retry: { max: 0, on: [] } } as const;
export const GET = { method: "GET", path: "/things" };

/** A store of one kind, of the test's own. */
export async function storeOf(kind: (typeof STORES)[number]) {
  if (kind === "sqlite") {
    const db = await openDatabase("sqlite::memory:");
    onTestFinished(() => db.close());
    return db;
  }
  const { url, drop } = await createTestStore();
  const db = await openDatabase(url);
  onTestFinished(async () => {
    await db.close();
    await drop();
  });
  return db;
}

/** A manifest, what a person gives, and the vendor's answer to the request for a token. */
export interface Reissued {
  manifest: Manifest;
  credentials: Record<string, unknown>;
  inputs?: Record<string, unknown>;
  /** The request for the n-th token; undefined for any other. */
  issue: (request: Seen, count: number) => Reply | Promise<Reply> | undefined;
  /** Whether a request carries the n-th token. */
  carries: (request: Seen, count: number) => boolean;
  options?: Parameters<typeof kindWith>[2];
}

/** A connection to a vendor that takes the newest token only, and counts how many it has issued. */
export async function reissuing({ manifest, credentials, inputs, issue, carries, options }: Reissued) {
  const state = { issued: 0, isAccepting: true };
  const h = await kindWith(
    manifest,
    async (request) => {
      const answer = issue(request, state.issued + 1);
      if (answer !== undefined) {
        state.issued++;
        return answer;
      }
      if (!state.isAccepting || !carries(request, state.issued)) return { status: 401, json: { message: "expired" } };
      return { json: { id: "a_1", name: "Ada" } };
    },
    options,
  );
  const made = await h.accounts.create({ connector: manifest.name, user: "u_1", credentials, inputs });
  const send = async (accounts = h.accounts) => (await accounts.client(made.id)).send(GET, SEND);
  return { ...h, state, made, id: made.id, send };
}

/** How many tokens were issued in each round, in which many callers in several processes want one that has ended or is refused. */
export async function issuesByRound(h: Awaited<ReturnType<typeof reissuing>>, end: () => void): Promise<number[]> {
  const processes = [h.accounts, ...Array.from({ length: PROCESSES - 1 }, () => h.another())];
  const counts: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = h.state.issued;
    end();
    await Promise.all(processes.flatMap((accounts) => Array.from({ length: CALLERS }, () => h.send(accounts))));
    counts.push(h.state.issued - before);
  }
  return counts;
}

export const ONCE_EACH = Array.from({ length: ROUNDS }, () => 1);
