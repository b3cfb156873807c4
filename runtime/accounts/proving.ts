import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { connectionsToTest, nextTest } from "../model/connection-upkeep.ts";
import type { ConnectionChanges, ConnectionRow } from "../model/connections.ts";
import { openCredentials, type OpenConnection } from "./credentials.ts";
import type { Grants } from "./grants.ts";
import { openProofs, sealProofs, together } from "./proofs.ts";
import type { Status } from "./status.ts";
import type { Tokens } from "./tokens.ts";
import type { VendorOf } from "./vendors.ts";
import { renamed, verifyStored } from "./verify.ts";

export interface ProvingNeeds {
  vendorOf: VendorOf;
  tokens: Tokens;
  status: Status;
  grants: Grants;
}

/** The tests of new connections whose vendor has not answered yet. They are durable: when they are due stands in their rows. */
export interface Proving {
  /** Repeats the tests that are due. Gives when the next is due, milliseconds since the epoch; undefined when none waits. */
  tick(): Promise<number | undefined>;
  /**
   * Tests one now. The connection becomes active, or goes on waiting.
   * @throws HooklineError `connection_rejected` once the vendor has refused its tokens, or the failure of the test
   */
  test(row: ConnectionRow): Promise<void>;
}

const MINUTE_MS = 60_000;
const FIRST_PAUSE_MS = MINUTE_MS;
const LONGEST_PAUSE_MS = 60 * MINUTE_MS;
/** For so long the test of a new connection is repeated. */
const PATIENCE_MS = 24 * 60 * MINUTE_MS;
const BATCH = 50;

/** What is noted of a connection whose test fails now: it is repeated after pauses that grow with the time it has waited. */
export function waiting(
  { code, message }: HooklineError,
  now: number,
  until = now + PATIENCE_MS,
): Pick<ConnectionChanges, "error" | "testAt" | "testUntil"> {
  const waited = now - (until - PATIENCE_MS);
  const pause = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, waited));
  const testAt = Math.min(now + pause, until);
  const why = `The vendor has not answered the first test yet; it is repeated until ${new Date(until).toISOString()}: ${message}`;
  return { error: { code, message: why, at: now }, testAt, testUntil: until };
}

/** Makes the service that repeats the tests of new connections. */
export function createProving(
  { db, vault, clock, log }: Pick<Context, "db" | "vault" | "clock" | "log">,
  { vendorOf, tokens, status, grants }: ProvingNeeds,
): Proving {
  const giveUp = async (row: ConnectionRow, error: HooklineError): Promise<void> => {
    const { id, user, connector } = row;
    const proofs = await grants.proofsOf(db, row);
    const isDropped = await status.drop(row, error);
    if (!isDropped || row.credentials === null || (await grants.isHeld(db, { user, connector, proofs }, id))) return;
    await grants.end(row, openCredentials(vault, row, row.credentials));
  };

  /** Makes it active, or gives what is against it. `row`: the connection with the tokens that were tested. */
  const tested = async (found: ConnectionRow): Promise<{ row: ConnectionRow; error?: HooklineError }> => {
    let row = found;
    const open = async (rejected?: number): Promise<OpenConnection> => {
      const opened = await tokens.openPending(found.id, rejected);
      row = opened.row;
      return opened;
    };
    try {
      const opened = await open();
      // A token that was renewed for this test is not renewed once more.
      const renew = opened.row.version === found.version ? open : undefined;
      const verified = await verifyStored(vendorOf(found.connector), opened, renew, clock);
      if (verified.failure) throw verified.failure;
      const identity = together(openProofs(vault, row), verified.identity);
      // The credentials stay as they are: somebody may be renewing them.
      await status.activate(row, {
        ...renamed(row, verified.name),
        proofs: sealProofs(vault, row, identity),
        grants: await grants.hashesOf(row.connector, identity.grant),
      });
      return { row };
    } catch (error) {
      if (!(error instanceof HooklineError)) throw error;
      return { row, error };
    }
  };

  const attempt = async (found: ConnectionRow): Promise<void> => {
    const { row, error } = await tested(found);
    if (!error) return;
    const current = await status.current(row.id);
    // What became of these tokens says nothing about others that came meanwhile.
    if (current?.status !== "pending" || current.credentials === null || current.version !== row.version) return;
    if (error.code === "connection_rejected") return giveUp(current, error);
    const now = clock.now();
    const until = current.testUntil ?? now;
    if (now >= until) return giveUp(current, tooLong(current, error));
    log.info({ connection: row.id, error }, "the test of a new connection failed; it is repeated");
    await status.wait(current, waiting(error, now, until));
  };

  return {
    test: async (found) => {
      const { row, error } = await tested(found);
      if (error?.code === "connection_rejected") await giveUp(row, error);
      if (error) throw error;
    },
    tick: async () => {
      for (const row of await connectionsToTest(db, clock.now(), BATCH)) {
        await attempt(row).catch((error: unknown) =>
          log.error({ connection: row.id, error }, "a new connection could not be tested"),
        );
      }
      const next = await nextTest(db);
      // One that could not even be put off is not tried without a pause.
      return next === undefined ? undefined : Math.max(next, clock.now() + FIRST_PAUSE_MS);
    },
  };
}

function tooLong({ id }: ConnectionRow, { code, message }: HooklineError): HooklineError {
  return new HooklineError(
    code,
    `${id}: the vendor has not answered the test for 24 hours; connect again (${message})`,
  );
}
