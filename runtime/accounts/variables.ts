import type { Clock } from "../core/clock.ts";
import type { SealContext, Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { Database } from "../store/database.ts";
import {
  allVariables,
  deleteVariable,
  findVariable,
  putVariable,
  replaceVariable,
  variablesInReach,
  variablesOfOwner,
  type VariableRow,
} from "../model/variables.ts";

/** Variables a manifest reads as `$workspace.vars` and `$user.vars`. */
export type VariablesOf = (
  user: string,
) => Promise<{ workspace: Record<string, unknown>; user: Record<string, unknown> }>;

/** A variable as it is shown. Times are RFC 3339. */
export interface VariableView {
  name: string;
  secret: boolean;
  /** Missing when it is secret. */
  value?: unknown;
  createdAt: string;
  updatedAt: string;
}

/**
 * Named values that a workspace sets once, for itself or for one of its users, and manifests and flows read as
 * `$workspace.vars.<name>` and `$user.vars.<name>`. The owner is a user, or null for the workspace.
 */
export interface Variables {
  /** By name; an owner has at most {@link MOST_VARIABLES}. */
  list(owner: string | null): Promise<VariableView[]>;
  /** @throws HooklineError `not_found` */
  get(owner: string | null, name: string): Promise<VariableView>;
  /** @throws HooklineError `invalid_input` for a name, `too_large` for a value, `conflict` when the owner has too many */
  set(owner: string | null, name: string, variable: { value: unknown; secret?: boolean }): Promise<VariableView>;
  /** @throws HooklineError `not_found` */
  remove(owner: string | null, name: string): Promise<void>;
  /** What a user's expressions read, secret ones included. */
  valuesOf: VariablesOf;
  /** Wraps every value with the newest encryption key. Returns how many were changed. */
  rewrap(): Promise<number>;
}

/** Of one owner: all of them are read for each action and poll. */
export const MOST_VARIABLES = 200;
/** Characters of JSON. */
export const LONGEST_VALUE = 32_768;
/** What a runtime expression can name (`__proto__` is not among it). */
export const VARIABLE_NAME = "^[A-Za-z][A-Za-z0-9_]{0,99}$";

const BATCH = 500;

export function createVariables({ db, vault, clock }: { db: Database; vault: Vault; clock: Clock }): Variables {
  const open = (row: VariableRow): unknown => {
    const text = vault.open(row.sealed, placeOf(row.user, row.name));
    const value: unknown = JSON.parse(text);
    if (row.secret) rememberAll(value);
    return value;
  };
  const view = (row: VariableRow): VariableView => ({
    name: row.name,
    secret: row.secret,
    ...(row.secret ? {} : { value: open(row) }),
    createdAt: new Date(row.createdAt).toISOString(),
    updatedAt: new Date(row.updatedAt).toISOString(),
  });

  return {
    list: async (owner) => (await variablesOfOwner(db, owner)).map(view),

    get: async (owner, name) => {
      const row = await findVariable(db, owner, name);
      if (!row) throw none(name);
      return view(row);
    },

    set: async (owner, name, { value, secret = false }) => {
      assertName(name);
      const text = JSON.stringify(value);
      if (text.length > LONGEST_VALUE) {
        throw new HooklineError(
          "too_large",
          `Variable ${name}: it is longer than ${LONGEST_VALUE} characters; keep less in it`,
        );
      }
      if (secret) rememberAll(value);
      const now = clock.now();
      const sealed = vault.seal(text, placeOf(owner, name));
      return db.transaction(async (tx) => {
        const before = await findVariable(tx, owner, name);
        if (!before && (await variablesOfOwner(tx, owner)).length >= MOST_VARIABLES) {
          throw new HooklineError(
            "conflict",
            `Variable ${name}: there are ${MOST_VARIABLES} already; remove one first`,
          );
        }
        const row = { user: owner, name, secret, sealed, createdAt: before?.createdAt ?? now, updatedAt: now };
        await putVariable(tx, row);
        return view(row);
      });
    },

    remove: async (owner, name) => {
      if (!(await deleteVariable(db, owner, name))) throw none(name);
    },

    valuesOf: async (user) => {
      const rows = await variablesInReach(db, user);
      const of = (owner: string | null) =>
        Object.fromEntries(rows.filter((row) => row.user === owner).map((row) => [row.name, open(row)]));
      return { workspace: of(null), user: of(user) };
    },

    rewrap: async () => {
      let count = 0;
      for (let after: VariableRow | undefined; ;) {
        const rows = await allVariables(db, { after, limit: BATCH });
        for (const row of rows) {
          const rewrapped = vault.rewrap(row.sealed, placeOf(row.user, row.name));
          if (rewrapped === null) continue;
          await replaceVariable(db, row, rewrapped);
          count++;
        }
        if (rows.length < BATCH) return count;
        after = rows.at(-1);
      }
    },
  };
}

/** A user may have any name; JSON keeps owner and name apart. */
function placeOf(owner: string | null, name: string): SealContext {
  return { table: "variables", row: JSON.stringify([owner, name]), field: "value" };
}

function assertName(name: string): void {
  if (new RegExp(VARIABLE_NAME).test(name)) return;
  throw new HooklineError(
    "invalid_input",
    `Variable ${name}: a name is a letter, then letters, digits or _, at most 100 in all; choose another`,
  );
}

function none(name: string): HooklineError {
  return new HooklineError("not_found", `There is no variable "${name}"; set it, or check its name`);
}

/** Keeps a secret's texts out of logs, however deep in it they are. */
function rememberAll(value: unknown): void {
  if (typeof value === "string") rememberSecret(value);
  else if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) rememberAll(inner);
}
