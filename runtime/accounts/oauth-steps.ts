import { createHash, timingSafeEqual } from "node:crypto";
import { HooklineError, type ErrorCode } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { findConnection, type ConnectionChanges, type ConnectionRow } from "../model/connections.ts";
import { oauthStates, type OAuthState } from "../model/oauth-states.ts";

/** Milliseconds that a person has for each step: to follow the link, to agree at the vendor, to confirm. */
export const VALID_MS = 10 * 60 * 1000;

/** What was asked for when the authorization began; each step hands it on. */
export interface Plan {
  /** Whose connection it is. Sealed, so that a state that is moved to another connection opens nothing. */
  user: string;
  /** Who began: a user, or null for an admin. */
  by: string | null;
  /** Whether who began has to confirm before anything becomes active. */
  confirm: boolean;
  /** Whether another account may take the place of the connection's. */
  moves?: boolean;
  /** The scopes that are asked for. */
  scopes: readonly string[];
}

/** Tokens that wait to be confirmed, and what else changes with them. */
export interface Held extends Omit<ConnectionChanges, "credentials" | "proofs"> {
  /** Sealed for the connection's row, in base64. */
  credentials: string;
  /** Likewise; null where nothing is proved. */
  proofs: string | null;
  /** It is another account than the connection's. */
  moved?: true;
  /** The connection had never been connected. */
  isFirst?: true;
  /** How often the connection had been moved to another account when they came; undefined for never. */
  movesBefore?: number;
  /** Their refresh token is the connection's own, which may be another by the time they are confirmed. */
  keepsRefreshToken?: true;
  /** Why the vendor has not accepted the tokens yet. */
  waits?: { code: ErrorCode; message: string };
}

/** What is sealed in a state, step by step. `session` is a hash of what only the person's browser holds. */
export type Step = Plan &
  (
    | { step: "offered" }
    | { step: "leaving"; session: string; verifier: string; offer: string | null }
    | { step: "redeemed"; session: string; callbackCode: string }
    | { step: "refused"; session: string; callbackCode: string; refusal: { code: ErrorCode; message: string } }
    | { step: "connected"; session: string; callbackCode: string; account: string | null }
    | {
        step: "held";
        session: string;
        callbackCode: string;
        account: string | null;
        connector: string;
        held: Held;
        confirmation: string;
      }
  );

/** A state as it was found: its row, what is sealed in it, and its connection. */
export interface Found {
  state: OAuthState;
  sealed: Step;
  row: ConnectionRow;
}

/** Reads and seals the steps of authorizations. */
export interface Steps {
  seal(stateHash: string, step: Step): Uint8Array;
  open(state: OAuthState): Step;
  /** @throws HooklineError `invalid_input` when it is unknown or expired, or its connection is gone */
  find(stateHash: string): Promise<Found>;
}

/** Makes what reads and seals the steps of authorizations. */
export function createSteps({ db, vault, clock }: Pick<Context, "db" | "vault" | "clock">): Steps {
  const place = (stateHash: string) => ({ table: "oauth_states", row: stateHash, field: "sealed" });
  const open = ({ stateHash, sealed }: OAuthState): Step => JSON.parse(vault.open(sealed, place(stateHash))) as Step;
  return {
    seal: (stateHash, step) => vault.seal(JSON.stringify(step), place(stateHash)),
    open,
    find: async (stateHash) => {
      const state = await oauthStates.find(db, stateHash);
      if (!state || state.expiresAt < clock.now()) throw staleState();
      const row = await findConnection(db, state.connection);
      const sealed = open(state);
      if (!row || row.user !== sealed.user) throw staleState();
      return { state, sealed, row };
    },
  };
}

/** The error of a link or callback that leads nowhere any more. */
export function staleState(): HooklineError {
  return new HooklineError(
    "invalid_input",
    "OAuth: the link or state is unknown, used, or older than ten minutes; connect again",
  );
}

/** A hash in hex, under which something is found or recognised that is not stored itself. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Compares without saying by its time where two texts differ. */
export function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
