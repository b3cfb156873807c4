import { randomInt } from "node:crypto";
import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { findConnection, type ConnectionChanges, type ConnectionRow } from "../model/connections.ts";
import { saveHeldGrants } from "../model/grants.ts";
import {
  expiredHeldStates,
  forgetState,
  heldStates,
  MOST_TRIES,
  settleState,
  spendTry,
  type OAuthState,
} from "../model/oauth-states.ts";
import type { Accept } from "./connect.ts";
import { openCredentials, refreshTokenOf, sealCredentials, type OAuthCredentials } from "./credentials.ts";
import type { Grants } from "./grants.ts";
import { movesOf } from "./moved.ts";
import { createSteps, sameText, sha256, VALID_MS, type Held, type Step } from "./oauth-steps.ts";
import { isEmpty, openProofs, relate } from "./proofs.ts";
import { renamed } from "./verify.ts";

/** Tokens that wait until the person who began an authorization confirms it. */
export interface Confirmations {
  /** How the tokens of a state are held, and the code that confirms them. */
  hold(
    stateHash: string,
    step: Omit<Extract<Step, { step: "held" }>, "step" | "account" | "connector" | "held" | "confirmation">,
  ): Holding;
  /**
   * Makes the connection active with the tokens that the code is for. `by` is who confirms: a user, or null for an admin.
   * @throws HooklineError `conflict` when no tokens wait, or they wait no more; `forbidden` unless `by` is who began;
   *   `invalid_input` for a wrong code
   */
  confirm(row: ConnectionRow, code: string, by: string | null): Promise<void>;
  /** Gives up whatever waits for a connection. */
  abandon(connection: string): Promise<void>;
  /** Gives up what waited for longer than ten minutes; returns how many. */
  purge(): Promise<number>;
}

export interface Holding {
  accept: Accept;
  code: string;
}

type Waiting = OAuthState & { step: Extract<Step, { step: "held" }> };

/** Crockford's base32: no letter looks like another. */
const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_LENGTH = 8;
const BATCH = 100;
/** A renewal of the old token may come between reading the connection and changing it. */
const MOST_RACES = 5;

/** Makes the service of confirmations. */
export function createConfirmations(
  context: Pick<Context, "db" | "vault" | "clock" | "log">,
  { settle, grants }: { settle: Accept; grants: Grants },
): Confirmations {
  const { db, vault, clock, log } = context;
  const steps = createSteps(context);

  /** Without those that no longer open, which are worth nothing and stand in nobody's way. */
  const open = async (states: readonly OAuthState[]): Promise<Waiting[]> => {
    const waiting: Waiting[] = [];
    for (const state of states) {
      try {
        const step = steps.open(state);
        if (step.step === "held") waiting.push({ ...state, step });
      } catch (error) {
        log.warn(
          { connection: state.connection, error },
          "tokens that nobody confirmed cannot be read; they are deleted",
        );
        await db.transaction((tx) => forgetState(tx, state.stateHash));
      }
    }
    return waiting;
  };

  /** Whoever deletes the state has its tokens: nobody uses or revokes them a second time. */
  const take = ({ stateHash }: Waiting): Promise<boolean> => db.transaction((tx) => forgetState(tx, stateHash));

  /** Some vendors end every token of an account with one. */
  const revoke = async ({ connection, step: { user, connector, held } }: Waiting): Promise<void> => {
    if (await grants.isHeld(db, { user, connector, proofs: held.grants ?? [] })) return;
    // Without the connection, nobody knows its host, where it has one of its own.
    const inputs = (await findConnection(db, connection))?.inputs ?? {};
    const sealed = Buffer.from(held.credentials, "base64");
    await grants.end({ connector, inputs }, openCredentials(vault, { id: connection, user }, sealed));
  };

  const giveBack = (taken: Waiting): Promise<void> =>
    revoke(taken).catch((error: unknown) =>
      log.warn({ connection: taken.connection, error }, "a grant that nobody confirmed could not be revoked"),
    );

  const discard = async (waiting: Waiting): Promise<void> => {
    if (await take(waiting)) await giveBack(waiting);
  };

  const isSame = (row: ConnectionRow, { proofs }: Held): boolean => {
    const found = openProofs(vault, { ...row, proofs: proofs === null ? null : Buffer.from(proofs, "base64") });
    return relate(openProofs(vault, row).account, found.account) === "same";
  };

  /** The connection may have come to another account while the tokens waited. */
  const isMeant = (row: ConnectionRow, held: Held): boolean => {
    if (held.moved || row.status === "pending") return true;
    // What works is not replaced by tokens that the vendor has not accepted.
    if (held.waits) return false;
    // Without a proof, the account was recognised by its records when the tokens came; before a first connection there were none.
    const wasRecognised = !held.isFirst && movesOf(row) === (held.movesBefore ?? 0);
    return isSame(row, held) || (wasRecognised && isEmpty(openProofs(vault, row).account));
  };

  const credentialsFor = (row: ConnectionRow, { credentials, keepsRefreshToken }: Held): Uint8Array => {
    const sealed = Buffer.from(credentials, "base64");
    if (!keepsRefreshToken) return sealed;
    const held = openCredentials(vault, row, sealed) as OAuthCredentials;
    return sealCredentials(vault, row, { ...held, refreshToken: refreshTokenOf(vault, row) });
  };

  /** In one transaction with the end of the state: a process that dies leaves the tokens in the one or in the other. */
  const activate = async (waiting: Waiting): Promise<void> => {
    const { connection: id, stateHash } = waiting;
    const { account, held } = waiting.step;
    for (let race = 0; race < MOST_RACES; race++) {
      const row = await findConnection(db, id);
      if (!row || !isMeant(row, held)) break;
      const {
        moved: wasOther,
        waits,
        credentials: _sealed,
        keepsRefreshToken: _kept,
        isFirst: _first,
        movesBefore: _before,
        proofs,
        ...rest
      } = held;
      const moved = wasOther && !isSame(row, held) ? true : undefined;
      const changes: ConnectionChanges = {
        ...rest,
        credentials: credentialsFor(row, held),
        proofs: proofs === null ? null : Buffer.from(proofs, "base64"),
        ...renamed(row, account, moved),
      };
      const failure = waits && new HooklineError(waits.code, waits.message);
      const isSettled = await settle(row, { changes, name: account, moved, failure }, async (tx) => {
        if (!(await forgetState(tx, stateHash))) throw nothingWaits(id);
      });
      if (isSettled) return;
    }
    await discard(waiting);
    throw new HooklineError("conflict", `${id} changed while it was being confirmed; connect again`);
  };

  return {
    hold: (stateHash, step) => {
      const code = newCode();
      const accept: Accept = async (row, { changes, name, moved, keepsRefreshToken, failure }) => {
        const held: Held = {
          ...changes,
          credentials: Buffer.from(changes.credentials!).toString("base64"),
          proofs: changes.proofs ? Buffer.from(changes.proofs).toString("base64") : null,
          ...(moved && { moved }),
          ...(row.status === "pending" && { isFirst: true }),
          ...(movesOf(row) > 0 && { movesBefore: movesOf(row) }),
          ...(keepsRefreshToken && { keepsRefreshToken }),
          ...(failure && { waits: { code: failure.code, message: failure.message } }),
        };
        const { connector } = row;
        const sealed = steps.seal(stateHash, {
          ...step,
          step: "held",
          account: name,
          connector,
          held,
          confirmation: code,
        });
        return db.transaction(async (tx) => {
          const isHeld = await settleState(tx, stateHash, { sealed, tries: 0, expiresAt: clock.now() + VALID_MS });
          if (isHeld) await saveHeldGrants(tx, stateHash, changes.grants ?? []);
          return isHeld;
        });
      };
      return { accept, code };
    },

    confirm: async (row, code, by) => {
      const all = await open(await heldStates(db, row.id));
      const waiting = all.filter(({ expiresAt }) => expiresAt >= clock.now());
      for (const expired of all.filter((one) => !waiting.includes(one))) await discard(expired);
      if (waiting.length === 0) throw nothingWaits(row.id);
      const own = waiting.filter(({ step }) => step.by === by);
      if (own.length === 0) {
        throw new HooklineError("forbidden", `${row.id}: only who began the authorization can confirm it`);
      }
      const given = sha256(normalized(code));
      let left = 0;
      for (const one of own) {
        if (!(await spendTry(db, one.stateHash))) continue;
        if (!sameText(given, sha256(one.step.confirmation))) {
          left = Math.max(left, MOST_TRIES - (one.tries ?? 0) - 1);
          continue;
        }
        await activate(one);
        for (const other of waiting) if (other !== one) await discard(other);
        return;
      }
      if (left > 0) {
        throw new HooklineError(
          "invalid_input",
          `${row.id}: the code is wrong; ${left} more ${left === 1 ? "try" : "tries"}`,
          {
            faults: [{ pointer: "/code", message: "is wrong" }],
          },
        );
      }
      for (const one of own) await discard(one);
      throw new HooklineError("conflict", `${row.id}: the code was wrong ${MOST_TRIES} times; connect again`);
    },

    abandon: async (connection) => {
      for (const one of await open(await heldStates(db, connection))) await discard(one);
    },

    purge: async () => {
      for (let count = 0; ;) {
        const expired = await expiredHeldStates(db, clock.now(), BATCH);
        for (const one of await open(expired)) await discard(one);
        count += expired.length;
        if (expired.length < BATCH) return count;
      }
    },
  };
}

function nothingWaits(id: string): HooklineError {
  return new HooklineError(
    "conflict",
    `${id}: no authorization waits to be confirmed, or it waited for more than ten minutes; connect again`,
  );
}

/** Eight letters in two groups: 40 bits, which three tries do not guess. */
function newCode(): string {
  const letters = Array.from({ length: CODE_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]);
  letters.splice(CODE_LENGTH / 2, 0, "-");
  return letters.join("");
}

/** The code as it was made, however a person typed it. */
function normalized(code: string): string {
  const letters = code.toUpperCase().replaceAll(/[\s-]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  return `${letters.slice(0, CODE_LENGTH / 2)}-${letters.slice(CODE_LENGTH / 2)}`;
}
