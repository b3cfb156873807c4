import { randomUUID } from "node:crypto";
import type { Timers } from "../core/clock.ts";
import { HooklineError, isStoreTrouble } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { changeConnection, findConnection, type ConnectionChanges, type ConnectionRow } from "../model/connections.ts";
import { leaseRefresh, passRefresh } from "../model/refresh-leases.ts";
import {
  credentialsFrom,
  isRenewable,
  sealCredentials,
  type Credentials,
  type OpenConnection,
  type RefreshPolicy,
  type Renewable,
} from "./credentials.ts";
import { TOKEN_DEADLINE_MS, type TokenResponse } from "./token-endpoint.ts";
import type { PauseConnection } from "./status.ts";
import { isAnswerLost, TokenError } from "./token-error.ts";

export interface RenewalNeeds {
  /** Asks for a new token. */
  ask: (row: ConnectionRow, credentials: Renewable) => Promise<TokenResponse>;
  policyOf: (row: ConnectionRow) => RefreshPolicy | undefined;
  pause: PauseConnection;
  /** Learns which account renewed tokens lead to, where nothing proves it yet. Never throws. */
  learn: (renewed: OpenConnection, answer: TokenResponse) => Promise<void>;
  /** Ends the grant of tokens that came too late for their connection, unless something lives on it. Never throws. */
  giveBack: (row: ConnectionRow, credentials: Credentials) => Promise<void>;
  timers: Timers;
}

/** The renewal of tokens, by one process at a time. */
export interface Renewal {
  /**
   * Renews the token of a connection nobody else renews now. The lease that is taken first says durably that a call is under way:
   * one that ends without a word left an answer that nobody has. Undefined when somebody else changed the connection or took the
   * lease meanwhile: look again.
   * @throws HooklineError `reauth_required`, with the reason `refresh_unknown` for an answer that is lost, or what the call threw
   */
  renew(current: OpenConnection): Promise<OpenConnection | undefined>;
  /** Settles once no call is under way. */
  settled(): Promise<void>;
}

/** Two token calls end in it, the first and the one that a grace allows, so a lease that has ended has nobody behind it. */
export const LEASE_MS = 2.5 * TOKEN_DEADLINE_MS;
/** After a failure that may pass, nobody asks the token endpoint for a connection again before this. */
const COOLDOWN_MS = 30_000;
const COOLDOWN = "cooldown";
/** How the owner of a lease is marked whose call repeats one without an answer. */
const AGAIN = " again";
/** Milliseconds between two tries to store an answer. */
const STORE_PAUSE_MS = 1_000;

/** A call whose answer nobody has. */
interface LostCall {
  sentAt: number;
  isSecond: boolean;
}

/** The lease of this process on a token, with the call before it that was lost. */
interface Lease {
  owner: string;
  lost: LostCall | undefined;
}

/** What keeps a connection's token from being renewed now. */
export function hindrance(
  { refreshOwner, refreshUntil }: ConnectionRow,
  now: number,
): "cooldown" | "renewing" | undefined {
  if (refreshOwner === null || refreshUntil! <= now) return undefined;
  return refreshOwner === COOLDOWN ? "cooldown" : "renewing";
}

/** Makes the service that renews tokens. */
export function createRenewal(
  { db, vault, clock, log, random }: Pick<Context, "db" | "vault" | "clock" | "log" | "random">,
  { ask: askVendor, policyOf, pause, learn, giveBack, timers }: RenewalNeeds,
): Renewal {
  const process = randomUUID();
  const underway = new Set<Promise<unknown>>();
  const until = (): number => clock.now() + LEASE_MS;

  const mayRepeat = ({ sentAt, isSecond }: LostCall, policy: RefreshPolicy | undefined): boolean =>
    policy?.rotates !== true || (!isSecond && clock.now() < sentAt + (policy.reuseGraceSeconds ?? 0) * 1000);

  const endGrant = async (row: ConnectionRow, owner: string, error: HooklineError): Promise<undefined> => {
    if (!(await pause(row, { version: row.version, owner }, error))) return undefined;
    throw new HooklineError("reauth_required", error.message, { data: error.data });
  };

  /** The answer to one call, or to the second that the manifest allows after one that was lost. */
  const ask = async (
    row: ConnectionRow,
    credentials: Renewable,
    policy: RefreshPolicy | undefined,
    lease: Lease,
  ): Promise<TokenResponse> => {
    for (;;) {
      const sentAt = clock.now();
      try {
        return await askVendor(row, credentials);
      } catch (error) {
        const isUnknown = policy?.rotates === true && (lease.lost !== undefined || isAnswerLost(error));
        if (!isUnknown || isGone(error)) throw error;
        lease.lost = { sentAt: lease.lost?.sentAt ?? sentAt, isSecond: lease.lost !== undefined };
        if (!mayRepeat(lease.lost, policy)) throw unknownAnswer(row.id, error);
        const next = { owner: process + AGAIN, until: until() };
        if (!(await passRefresh(db, row.id, lease.owner, next).catch(() => false))) throw unknownAnswer(row.id, error);
        lease.owner = next.owner;
      }
    }
  };

  /** Stores an answer, which may be the only refresh token that counts: whatever else of the row changed, and once the store is back. */
  const keep = async (
    row: ConnectionRow,
    owner: string,
    changes: ConnectionChanges,
  ): Promise<ConnectionRow | undefined> => {
    const end = until();
    for (let newest: ConnectionRow | undefined = row; newest?.refreshOwner === owner || newest === row;) {
      try {
        if (await changeConnection(db, row.id, { version: newest.version, owner }, changes, clock.now()))
          return { ...newest, ...changes, version: newest.version + 1, refreshOwner: null, refreshUntil: null };
        newest = await findConnection(db, row.id);
      } catch (error) {
        if (!isStoreTrouble(error) || clock.now() >= end) throw error;
        log.warn({ connection: row.id, error }, "a renewed token could not be stored; it is tried again");
        await new Promise<void>((resolve) => void timers.after(STORE_PAUSE_MS, resolve, "keepAlive"));
      }
    }
    log.warn({ connection: row.id }, "a renewed token came after the lease had ended and was dropped");
    return undefined;
  };

  const underLease = async (
    { row, credentials }: OpenConnection,
    lease: Lease,
  ): Promise<OpenConnection | undefined> => {
    const policy = policyOf(row);
    if (!isRenewable(credentials)) throw new TypeError(`${row.id} has no token to renew`);
    let answer: TokenResponse;
    try {
      if (credentials.type === "oauth2" && credentials.refreshToken === undefined && credentials.derived === undefined)
        throw withoutRefreshToken(row.id);
      answer = await ask(row, credentials, policy, lease);
    } catch (error) {
      if (isGone(error)) return endGrant(row, lease.owner, error);
      await passRefresh(db, row.id, lease.owner, { owner: COOLDOWN, until: clock.now() + COOLDOWN_MS });
      throw error;
    }
    const next = credentialsFrom<Renewable>(answer, policy, { now: clock.now(), random }, credentials);
    // An answer that names none is silent: what is known to be granted stays known (RFC 6749 §5.1).
    const scopes = answer.scopes?.length ? answer.scopes : row.scopes;
    if (scopes.length < row.scopes.length)
      log.warn({ connection: row.id, scopes }, "the vendor narrowed the granted scopes");
    // Committed before it is used: of rotating tokens only the newest is worth anything.
    const kept = await keep(row, lease.owner, {
      credentials: sealCredentials(vault, row, next.credentials),
      expiresAt: next.expiresAt,
      scopes,
      // What a derived connection may do is what its parent may do when the token is asked for.
      ...(row.parent !== null && { refused: null }),
    });
    if (!kept) {
      await giveBack(row, next.credentials);
      return undefined;
    }
    const renewed = { row: kept, credentials: next.credentials };
    if (kept.status === "active") await learn(renewed, answer);
    return renewed;
  };

  return {
    renew: async (current) => {
      const { row } = current;
      const lost = lostCall(row);
      if (lost && !mayRepeat(lost, policyOf(row))) return endGrant(row, row.refreshOwner!, unknownAnswer(row.id));
      const owner = lost ? process + AGAIN : process;
      const lease = { owner, until: until() };
      if (!(await leaseRefresh(db, row.id, row.version, lease, clock.now()))) return undefined;
      const work = underLease(current, { owner, lost });
      underway.add(work);
      return work.finally(() => underway.delete(work));
    },
    settled: async () => void (await Promise.allSettled(underway)),
  };
}

/** The call of a process that took the lease and never gave it back: it died, or its answer could not be stored. */
function lostCall({ refreshOwner: owner, refreshUntil }: ConnectionRow): LostCall | undefined {
  if (owner === null || owner === COOLDOWN) return undefined;
  return { sentAt: refreshUntil! - LEASE_MS, isSecond: owner.endsWith(AGAIN) };
}

/** Whether only a person can bring the grant back. */
function isGone(error: unknown): error is HooklineError {
  return error instanceof HooklineError && error.code === "reauth_required";
}

function unknownAnswer(id: string, cause?: unknown): HooklineError {
  const what = "the vendor's answer to the renewal of the token was lost, and each refresh token counts once";
  return new HooklineError("reauth_required", `${id}: ${what}; a person has to reconnect`, {
    cause,
    data: { reason: "refresh_unknown" },
  });
}

function withoutRefreshToken(id: string): TokenError {
  return new TokenError(
    `${id}: the access token has ended and there is no refresh token; a person has to reconnect`,
    true,
    {},
    undefined,
  );
}
