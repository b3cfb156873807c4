import { setImmediate as nextTurn } from "node:timers/promises";
import {
  openCredentials,
  sealCredentials,
  type OAuthCredentials,
  type OpenConnection,
} from "../../runtime/accounts/credentials.ts";
import type { TokenResponse } from "../../runtime/accounts/token-endpoint.ts";
import { createStatus } from "../../runtime/accounts/status.ts";
import { TokenError } from "../../runtime/accounts/token-error.ts";
import { createTokens } from "../../runtime/accounts/tokens.ts";
import type { Clock } from "../../runtime/core/clock.ts";
import { HooklineError } from "../../runtime/core/errors.ts";
import { createLog } from "../../runtime/core/log.ts";
import type { Vault } from "../../runtime/core/crypto.ts";
import { connections, findConnection } from "../../runtime/model/connections.ts";
import { Random } from "../../runtime/sandbox/random.ts";
import type { Database } from "../../runtime/store/database.ts";
import { VirtualTime } from "../fixtures/simulator.ts";
import { SEED } from "../fixtures/tier.ts";
import { acme, acmeOAuth, harness, vendorServer } from "./harness.ts";

/** A grant whose refresh tokens are taken once each: one that comes back ends all of them (RFC 9700 §4.14.2). */
export class Family {
  calls = 0;
  isRevoked = false;
  readonly #takes: () => Promise<unknown>;

  /** `takes`: until a call is answered. */
  constructor(takes: () => Promise<unknown>) {
    this.#takes = takes;
  }

  /** The only refresh token that counts. */
  get current(): string {
    return `refresh-${this.calls}`;
  }

  async refresh(refreshToken: string): Promise<TokenResponse> {
    this.isRevoked ||= refreshToken !== this.current;
    if (this.isRevoked) throw new TokenError("acme: invalid_grant", true, { status: 400 }, undefined);
    const n = ++this.calls;
    await this.#takes();
    const response = { status: 200, headers: {}, body: {} };
    return { accessToken: `access-${n}`, refreshToken: `refresh-${n}`, expiresIn: 3600, response };
  }
}

export interface Opener {
  open(id: string): Promise<OpenConnection>;
}

/** A lock of half a minute beside the store, as is often written: whoever has it asks, and writes what was answered. */
function naiveTokens(
  { db, vault, clock, wait }: { db: Database; vault: Vault; clock: Clock; wait: (ms: number) => Promise<void> },
  family: Family,
  lock: { until: number },
): Opener {
  return {
    open: async (id) => {
      for (;;) {
        const row = (await findConnection(db, id))!;
        const credentials = openCredentials(vault, row, row.credentials!);
        if (row.expiresAt! > clock.now()) return { row, credentials };
        if (lock.until <= clock.now()) {
          lock.until = clock.now() + 30_000;
          const { refreshToken } = credentials as { refreshToken: string };
          const answer = await family.refresh(refreshToken);
          const next = { type: "oauth2" as const, accessToken: answer.accessToken, refreshAt: null };
          const sealed = sealCredentials(vault, row, { ...next, refreshToken: answer.refreshToken! });
          const ends = clock.now() + answer.expiresIn! * 1000;
          await db.run("update connections set credentials = ?, expires_at = ? where id = ?", [sealed, ends, id]);
          lock.until = 0;
        } else await wait(1_000);
      }
    },
  };
}

/** The same store: how many of its statements are under way, how many there were, and how to make it unreachable. */
function watched(store: Database) {
  const seen = { pending: 0, statements: 0, isAway: false, onIdle: () => {} };
  const counted = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      if (seen.isAway) throw new HooklineError("store_unusable", "The database cannot be reached");
      seen.pending++;
      seen.statements++;
      try {
        return await call(...args);
      } finally {
        if (--seen.pending === 0) seen.onIdle();
      }
    };
  };
  const db: Database = {
    dialect: store.dialect,
    all: counted((...args) => store.all(...args)) as Database["all"],
    get: counted((...args) => store.get(...args)) as Database["get"],
    run: counted((...args) => store.run(...args)),
    many: counted((...args) => store.many(...args)),
    oneOf: (column) => store.oneOf(column),
    transaction: counted((work) => store.transaction(work)) as Database["transaction"],
    relaxed: counted((work) => store.relaxed(work)) as Database["relaxed"],
    shred: () => store.shred(),
    close: () => store.close(),
  };
  return { db, seen };
}

export const ROTATING = acme({ authentication: { ...acmeOAuth, refresh: { rotates: true } } });

export const accessToken = ({ credentials }: OpenConnection): string =>
  (credentials as { accessToken: string }).accessToken;

/** A connection whose token ends in an hour, a token endpoint that takes so long, and processes, all in one virtual time. */
export async function world(store: Database, takesMs: number) {
  const vendor = await vendorServer(() => ({ json: { email: "a@x.example" } }));
  const h = await harness([ROTATING], { url: vendor.url, db: store });
  const time = new VirtualTime(h.clock.now());
  const clock = { now: () => Math.round(time.wall()) };
  const wait = (ms: number) => new Promise<void>((resolve) => void time.after(ms, resolve));
  const family = new Family(() => wait(takesMs));
  const credentials = { accessToken: "access-0", refreshToken: family.current, expiresAt: clock.now() + 3_600_000 };
  const { id } = await h.accounts.create({ connector: "acme", user: "u_1", credentials });
  const { db, seen } = watched(store);
  const lock = { until: 0 };
  const minted = { calls: 0 };
  const generator = new Random(SEED);
  const random = (): number => generator.uint32() / 2 ** 32;
  const log = createLog({ level: "silent" });
  const { vault } = h;
  const { pause } = createStatus({ db, clock, emit: async () => {} }, { onStatus: async () => {} });
  return {
    id,
    db,
    vault,
    clock,
    family,
    random,
    wait,
    minted,
    /** Has the token asked for by what the connection is derived for, and not refreshed. */
    derive: async (): Promise<void> => {
      const sealed = sealCredentials(
        vault,
        { id, user: "u_1" },
        {
          type: "oauth2",
          accessToken: "minted-0",
          refreshAt: clock.now() + 3_300_000,
          derived: "north",
        },
      );
      const parent = { parent: "con_the_parent", parentMoves: 0, derived: "drv_north" };
      await connections.change(store, { credentials: sealed, ...parent }, "id = ?", [id]);
    },
    /** `own`: what the process has in place of the store. */
    process: (own: Database = db) =>
      createTokens(
        { db: own, vault, clock, log, random },
        {
          ask: async (_row, credentials) => {
            const { derived, refreshToken } = credentials as OAuthCredentials;
            if (derived === undefined) return family.refresh(refreshToken!);
            const n = ++minted.calls;
            await wait(takesMs);
            const response = { status: 200, headers: {}, body: {} };
            return { accessToken: `minted-${n}`, expiresIn: 3600, response };
          },
          policyOf: ({ parent }) => ({ rotates: parent === null }),
          pause,
          learn: async () => {},
          giveBack: async () => {},
          timers: time,
        },
      ),
    naive: () => naiveTokens({ db, vault, clock, wait }, family, lock),
    statements: () => seen.statements,
    setOutage: (isAway: boolean) => void (seen.isAway = isAway),
    /** Lets time pass, whenever nobody is at work, until something is done. */
    settle: async <T>(work: Promise<T>): Promise<T> => {
      const state = { isDone: false };
      const done = work.finally(() => (state.isDone = true));
      done.catch(() => {});
      while (!state.isDone) {
        for (let turns = 0; turns < 2; turns++) {
          await nextTurn();
          if (seen.pending === 0) continue;
          await new Promise<void>((resolve) => void (seen.onIdle = resolve));
          turns = -1;
        }
        if (!state.isDone && !time.fire(time.monotonic() + 86_400_000))
          throw new Error("Nobody waits for anything, and it is not done");
      }
      return done;
    },
  };
}
