import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Oauth2Authentication } from "../../schemas/manifest.ts";
import { HooklineError, notFound } from "../core/errors.ts";
import { OpenedCache } from "../core/opened.ts";
import type { Context } from "../engine/context.ts";
import {
  changeConnection,
  findConnection,
  leaseRefresh,
  passRefresh,
  type ConnectionRow,
} from "../model/connections.ts";
import { openCredentials, sealCredentials, type Credentials, type OAuthCredentials } from "./credentials.ts";
import { TOKEN_DEADLINE_MS, type OAuth, type TokenResponse } from "./oauth.ts";
import type { PauseConnection } from "./status.ts";
import { TokenError } from "./token-error.ts";

export interface TokensNeeds {
  /** The OAuth conversation of a connector. */
  oauthOf: (connector: string) => OAuth;
  authenticationOf: (row: ConnectionRow) => Oauth2Authentication;
  pause: PauseConnection;
  /** Learns which account renewed tokens lead to, of a connection that has no proofs yet. Never throws. */
  learn: (renewed: OpenConnection, answer: TokenResponse) => Promise<void>;
}

/** A connection with its credentials in clear, which could be used a moment ago. */
export interface OpenConnection {
  readonly row: ConnectionRow;
  readonly credentials: Credentials;
}

export interface Tokens {
  /**
   * The connection, its access token renewed ahead of its end; one renewal at a time over all processes. A row that is
   * handed in is not read again, unless its token has to be renewed.
   * `rejected`: the version of the credentials a vendor did not accept; they are renewed unless somebody already did.
   * @throws HooklineError `not_found`, `conflict` (not authorized yet), `reauth_required`, `decryption_failed`, or what the
   *   token call threw
   */
  open(connection: string | ConnectionRow, rejected?: number): Promise<OpenConnection>;
  /** The same of a connection that may still wait for its first test. */
  openPending(id: string): Promise<OpenConnection>;
}

/** A token call ends in half this time, so a lease that has ended has nobody behind it. */
const LEASE_MS = 2.5 * TOKEN_DEADLINE_MS;
/** After a failure that may pass, nobody asks the token endpoint for a connection again before this. */
const COOLDOWN_MS = 30_000;
const COOLDOWN = "cooldown";
const DEFAULT_MARGIN_SECONDS = 300;

/** Makes the service that opens and renews credentials. */
export function createTokens(
  { db, vault, clock, log, random }: Pick<Context, "db" | "vault" | "clock" | "log" | "random">,
  { oauthOf, authenticationOf, pause, learn }: TokensNeeds,
): Tokens {
  const owner = randomUUID();
  const running = new Map<string, Promise<OpenConnection>>();
  const opened = new OpenedCache((id, sealed) => openCredentials(vault, id, sealed));

  const open = (row: ConnectionRow, isPendingToo = false): OpenConnection => {
    if (row.status === "reauth_required") {
      throw new HooklineError("reauth_required", `${row.id}: the grant is gone; a person has to reconnect`);
    }
    if ((row.status === "pending" && !isPendingToo) || row.credentials === null) {
      throw new HooklineError("conflict", `${row.id} is not authorized yet; open its authorizeUrl first`);
    }
    return { row, credentials: opened.get(row.id, row.credentials) };
  };

  const read = async (id: string, isPendingToo?: boolean): Promise<OpenConnection> => {
    const row = await findConnection(db, id);
    if (!row) throw notFound("connection", id);
    return open(row, isPendingToo);
  };

  const renew = async (id: string, rejected?: number, isPendingToo?: boolean): Promise<OpenConnection> => {
    for (;;) {
      const current = await read(id, isPendingToo);
      if (!isDue(current, rejected, clock.now())) return current;
      if (isCoolingDown(current.row, clock.now())) return orWait(current, rejected);
      const lease = { owner, until: clock.now() + LEASE_MS };
      if (await leaseRefresh(db, id, current.row.version, lease, clock.now())) {
        const renewed = await renewUnderLease(current, rejected);
        if (renewed) return renewed;
      } else {
        await sleep(40 + random() * 60);
      }
    }
  };

  /** Undefined when somebody else changed the connection meanwhile: look again. */
  const renewUnderLease = async (
    current: OpenConnection,
    rejected: number | undefined,
  ): Promise<OpenConnection | undefined> => {
    const { row, credentials } = current;
    const { id, version } = row;
    const authentication = authenticationOf(row);
    try {
      if (credentials.type !== "oauth2" || credentials.refreshToken === undefined) {
        throw new TokenError(
          `${id}: the access token has ended and there is no refresh token; a person has to reconnect`,
          true,
          {},
          undefined,
        );
      }
      const answer = await oauthOf(row.connector).refresh(credentials.refreshToken);
      const now = clock.now();
      const next = credentialsFrom(answer, authentication, { now, random }, credentials.refreshToken);
      const scopes = answer.scopes ?? row.scopes;
      if (scopes.length < row.scopes.length)
        log.warn({ connection: id, scopes }, "the vendor narrowed the granted scopes");
      const changes = { credentials: sealCredentials(vault, id, next.credentials), expiresAt: next.expiresAt, scopes };
      // Committed before it is used: of rotating tokens only the newest is worth anything.
      const kept = await changeConnection(db, id, { version, owner }, changes, now);
      if (kept) {
        const renewed = { row: { ...row, ...changes, version: version + 1 }, credentials: next.credentials };
        if (row.proofs === null && row.status === "active") await learn(renewed, answer);
        return renewed;
      }
      log.warn({ connection: id }, "a renewed token came after the lease had ended and was dropped");
      return undefined;
    } catch (error) {
      if (error instanceof TokenError && error.grantGone) {
        const paused = await pause(row, { version, owner }, error);
        if (!paused) return undefined;
        throw new HooklineError("reauth_required", error.message, { data: error.data });
      }
      await passRefresh(db, id, owner, { owner: COOLDOWN, until: clock.now() + COOLDOWN_MS });
      if (isStillValid(current, rejected, clock.now())) return current;
      throw error;
    }
  };

  const orWait = (current: OpenConnection, rejected: number | undefined): OpenConnection => {
    if (isStillValid(current, rejected, clock.now())) return current;
    const after = current.row.refreshUntil! - clock.now();
    throw new HooklineError(
      "network",
      `${current.row.id}: its token could not be renewed just now; try again in ${Math.ceil(after / 1000)} s`,
      { retry: { after }, data: { sent: false } },
    );
  };

  return {
    openPending: async (id) => {
      const current = await read(id, true);
      return isDue(current, undefined, clock.now()) ? renew(id, undefined, true) : current;
    },
    open: async (connection, rejected) => {
      const id = typeof connection === "string" ? connection : connection.id;
      // A row in hand proves that it was active; that it is not may have passed.
      const inHand = typeof connection === "string" || connection.status !== "active" ? undefined : connection;
      const current = inHand ? open(inHand) : await read(id);
      if (!isDue(current, rejected, clock.now())) return current;
      let renewal = running.get(id);
      if (!renewal) {
        renewal = renew(id, rejected).finally(() => running.delete(id));
        running.set(id, renewal);
      }
      return renewal;
    },
  };
}

function isDue({ row, credentials }: OpenConnection, rejected: number | undefined, now: number): boolean {
  if (credentials.type !== "oauth2") return false;
  if (rejected !== undefined && row.version <= rejected) return true;
  if (credentials.refreshAt === null || credentials.refreshAt > now) return false;
  return credentials.refreshToken !== undefined || (row.expiresAt !== null && row.expiresAt <= now);
}

function isStillValid({ row }: OpenConnection, rejected: number | undefined, now: number): boolean {
  return (rejected === undefined || row.version > rejected) && (row.expiresAt === null || row.expiresAt > now);
}

function isCoolingDown(row: ConnectionRow, now: number): boolean {
  return row.refreshOwner === COOLDOWN && row.refreshUntil! > now;
}

/**
 * Credentials out of a token answer. The time of renewal is drawn once, between the margin and a fifth more before the
 * end, so that connections made together are not renewed together; short-lived tokens are kept for half their life.
 */
export function credentialsFrom(
  answer: TokenResponse,
  authentication: Oauth2Authentication,
  { now, random }: { now: number; random: () => number },
  oldRefreshToken?: string,
): { credentials: OAuthCredentials; expiresAt: number | null } {
  const lifetime = answer.expiresIn === null ? null : answer.expiresIn * 1000;
  const margin = (authentication.refresh?.marginSeconds ?? DEFAULT_MARGIN_SECONDS) * 1000 * (1 + random() / 5);
  return {
    credentials: {
      type: "oauth2",
      accessToken: answer.accessToken,
      refreshToken: answer.refreshToken ?? oldRefreshToken,
      refreshAt: lifetime === null ? null : now + lifetime - Math.min(margin, lifetime / 2),
    },
    expiresAt: lifetime === null ? null : now + lifetime,
  };
}
