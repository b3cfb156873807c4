import { systemTimers } from "../core/clock.ts";
import { HooklineError, notFound } from "../core/errors.ts";
import { OpenedCache } from "../core/opened.ts";
import type { Context } from "../engine/context.ts";
import { findConnection, type ConnectionRow } from "../model/connections.ts";
import { isRenewable, openCredentials, type OpenConnection, type Owned } from "./credentials.ts";
import { createRenewal, hindrance, type RenewalNeeds } from "./renewal.ts";

export type TokensNeeds = Omit<RenewalNeeds, "timers"> & Partial<Pick<RenewalNeeds, "timers">>;

export interface Tokens {
  /**
   * The connection, its access token renewed ahead of its end; one renewal at a time over all processes. A row that is
   * handed in is not read again, unless its token has to be renewed. Waits half a minute at most; a renewal goes on
   * without those who wait.
   * `rejected`: the version of the credentials a vendor did not accept; they are renewed unless somebody already did.
   * @throws HooklineError `not_found`, `conflict` (not authorized yet), `reauth_required`, `decryption_failed`, `timeout`
   *   (somebody is renewing the token still), or what the token call threw
   */
  open(connection: string | ConnectionRow, rejected?: number): Promise<OpenConnection>;
  /** The same of a connection that may still wait for its first test. */
  openPending(id: string, rejected?: number): Promise<OpenConnection>;
  /** Settles once this process asks no token endpoint any more and has stored what was answered. */
  settled(): Promise<void>;
}

/** For so long a caller waits for a token; milliseconds. */
const WAIT_MS = 30_000;
/** Pauses between two looks at a token that another process renews; milliseconds. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/** Makes the service that opens and renews credentials. */
export function createTokens(
  context: Pick<Context, "db" | "vault" | "clock" | "log" | "random">,
  { timers = systemTimers, ...needs }: TokensNeeds,
): Tokens {
  const { db, vault, clock, random } = context;
  const renewal = createRenewal(context, { ...needs, timers });
  const running = new Map<string, Promise<OpenConnection>>();
  const opened = new OpenedCache((of, sealed) => openCredentials(vault, JSON.parse(of) as Owned, sealed));

  const open = (row: ConnectionRow, isPendingToo = false): OpenConnection => {
    if (row.status === "reauth_required") throw lost(row);
    if ((row.status === "pending" && !isPendingToo) || row.credentials === null) {
      throw new HooklineError("conflict", `${row.id} is not authorized yet; open its authorizeUrl first`);
    }
    return { row, credentials: opened.get(JSON.stringify({ id: row.id, user: row.user }), row.credentials) };
  };

  const read = async (id: string, isPendingToo?: boolean): Promise<OpenConnection> => {
    const row = await findConnection(db, id);
    if (!row) throw notFound("connection", id);
    return open(row, isPendingToo);
  };

  /** By this process, or by another one that is renewing it already. */
  const renew = async (id: string, rejected?: number, isPendingToo?: boolean): Promise<OpenConnection> => {
    const end = timers.monotonic() + WAIT_MS;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      const current = await read(id, isPendingToo);
      const now = clock.now();
      if (!isDue(current, rejected, now)) return current;
      const isUsable = isStillValid(current, rejected, now);
      const obstacle = hindrance(current.row, now);
      if (obstacle !== undefined && isUsable) return current;
      if (obstacle === "cooldown") throw coolingDown(current.row, now);
      try {
        const found = obstacle === undefined ? await renewal.renew(current) : undefined;
        if (found) return found;
      } catch (error) {
        if (isUsable && !(error instanceof HooklineError && error.code === "reauth_required")) return current;
        throw error;
      }
      if (timers.monotonic() >= end) throw stillRenewing(id);
      await new Promise<void>((resolve) => void timers.after(pause * (1 + random() / 2), resolve, "keepAlive"));
    }
  };

  /** What the renewal under way brings, for all who ask meanwhile; the token as it is, where it is good and the renewal is slow. */
  const renewed = async (
    current: OpenConnection,
    rejected: number | undefined,
    isPendingToo?: boolean,
  ): Promise<OpenConnection> => {
    const { id } = current.row;
    const isUsable = isStillValid(current, rejected, clock.now());
    let work = running.get(id);
    if (work && isUsable) return current;
    if (!work) {
      work = renew(id, rejected, isPendingToo).finally(() => running.delete(id));
      running.set(id, work);
    }
    const { promise: tooLong, resolve } = Promise.withResolvers<undefined>();
    const cancel = timers.after(WAIT_MS, () => resolve(undefined), "keepAlive");
    const found = await Promise.race([work, tooLong]).finally(cancel);
    if (found) return found;
    if (isUsable) return current;
    throw stillRenewing(id);
  };

  return {
    openPending: async (id, rejected) => {
      const current = await read(id, true);
      return isDue(current, rejected, clock.now()) ? renewed(current, rejected, true) : current;
    },
    open: async (connection, rejected) => {
      // A row in hand proves that it was active; that it is not may have passed.
      const inHand = typeof connection === "string" || connection.status !== "active" ? undefined : connection;
      const current = inHand ? open(inHand) : await read(typeof connection === "string" ? connection : connection.id);
      return isDue(current, rejected, clock.now()) ? renewed(current, rejected) : current;
    },
    settled: () => renewal.settled(),
  };
}

function isDue({ row, credentials }: OpenConnection, rejected: number | undefined, now: number): boolean {
  if (!isRenewable(credentials)) return false;
  if (rejected !== undefined && row.version <= rejected) return true;
  if (credentials.refreshAt === null || credentials.refreshAt > now) return false;
  const isFinal = credentials.type === "oauth2" && (credentials.refreshToken ?? credentials.derived) === undefined;
  return !isFinal || (row.expiresAt !== null && row.expiresAt <= now);
}

function isStillValid({ row }: OpenConnection, rejected: number | undefined, now: number): boolean {
  return (rejected === undefined || row.version > rejected) && (row.expiresAt === null || row.expiresAt > now);
}

function lost({ id, error }: ConnectionRow): HooklineError {
  if (error?.reason === undefined) {
    return new HooklineError("reauth_required", `${id}: the grant is gone; a person has to reconnect`);
  }
  return new HooklineError("reauth_required", error.message, { data: { reason: error.reason } });
}

function coolingDown({ id, refreshUntil }: ConnectionRow, now: number): HooklineError {
  const after = refreshUntil! - now;
  return new HooklineError(
    "network",
    `${id}: its token could not be renewed just now; try again in ${Math.ceil(after / 1000)} s`,
    { retry: { after }, data: { sent: false } },
  );
}

function stillRenewing(id: string): HooklineError {
  const after = LONGEST_PAUSE_MS;
  return new HooklineError(
    "timeout",
    `${id}: its token is being renewed, and the vendor takes long to answer; try again in ${after / 1000} s`,
    { retry: { after }, data: { sent: false } },
  );
}
