import type { SealContext } from "../core/crypto.ts";
import { HooklineError, unknownName } from "../core/errors.ts";
import { orBroken } from "../core/broken.ts";
import { OpenedCache } from "../core/opened.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { Context } from "../engine/context.ts";
import { assertNotErased } from "../model/erasures.ts";
import type { Page } from "../model/page.ts";
import { isVisible, type Scope } from "../model/principal.ts";
import { assertUserId, WORKSPACE_USER } from "../model/user.ts";
import type { Sql } from "../store/database.ts";
import {
  LONGEST_VALUE,
  newVariable,
  ownerColumn,
  ownerOf,
  variableKey,
  variableOwner,
  variables,
  variablesInReach,
  variablesOfOwner,
  type NewVariable,
  type VariableRecord,
  type VariableView,
} from "../model/variables.ts";

/** Variables by name. Each is opened when it is read. */
export interface VariableValues {
  readonly workspace: Readonly<Record<string, unknown>>;
  readonly user: Readonly<Record<string, unknown>>;
}

/**
 * What the expressions of a user's stream, action or flow read as `$workspace.vars` and `$user.vars`, secret ones included.
 * One statement, or none when what is compiled names no variable; a variable is opened when an expression reads it, once as
 * long as it stays the same. Reading it may throw `decryption_failed`.
 */
export type VariablesOf = (user: string, compiled?: { readonly readsVariables: boolean }) => Promise<VariableValues>;

/**
 * Named values that manifests and flows read as `$workspace.vars.<name>` and `$user.vars.<name>`. The owner is a user, or null
 * for the workspace. All throw `not_found` for an owner outside the scope, and `invalid_input` for a name or owner that cannot be.
 */
export interface Variables {
  /** By name, in one page; an owner has at most {@link MOST_VARIABLES}. */
  list(owner: string | null, scope?: Scope): Promise<Page<VariableView>>;
  /** @throws HooklineError `not_found` */
  get(owner: string | null, name: string, scope?: Scope): Promise<VariableView>;
  /** @throws HooklineError `invalid_input`, `too_large` for a value, `conflict` when the owner has too many */
  set(owner: string | null, name: string, variable: NewVariable, scope?: Scope): Promise<VariableView>;
  /** @throws HooklineError `not_found` */
  remove(owner: string | null, name: string, scope?: Scope): Promise<void>;
  valuesOf: VariablesOf;
}

/** Of one owner. */
const MOST_VARIABLES = 200;
const NONE: VariableValues = { workspace: {}, user: {} };

/** Makes the service of variables. */
export function createVariables({ db, vault, clock }: Pick<Context, "db" | "vault" | "clock">): Variables {
  const texts = new OpenedCache((row, sealed) => vault.open(sealed, placeOf(JSON.parse(row) as VariableKey)));
  const open = (record: VariableRecord): unknown => {
    const value: unknown = JSON.parse(texts.get(JSON.stringify([record.owner, record.name]), record.sealed));
    if (record.secret) rememberAll(value);
    return value;
  };
  const view = (record: VariableRecord, value: () => unknown = () => open(record)): VariableView => {
    // A secret one is opened to see whether it can be.
    const opened = orBroken(value);
    return {
      ...variables.view(record),
      ...(!record.secret && !opened.problem && { value: opened.value }),
      ...(opened.problem && { problem: opened.problem }),
    };
  };
  const find = (sql: Sql, owner: string | null, name: string) => variables.find(sql, ownerColumn(owner), name);
  const unknown = async (owner: string | null, name: string): Promise<HooklineError> => {
    const known = await variablesOfOwner(db, owner);
    return new HooklineError(
      "not_found",
      unknownName(
        "variable",
        name,
        known.map((record) => record.name),
      ),
    );
  };

  return {
    async list(given, scope) {
      const { user: owner } = variableOwner.check({ user: given });
      assertVisible(owner, scope);
      return { data: (await variablesOfOwner(db, owner)).map((record) => view(record)), nextCursor: null };
    },

    async get(...key) {
      const { owner, name } = checkKey(...key);
      const record = await find(db, owner, name);
      if (!record) throw await unknown(owner, name);
      return view(record);
    },

    async set(user, named, given, scope) {
      const { owner, name } = checkKey(user, named, scope);
      if (owner !== null && owner !== WORKSPACE_USER) assertUserId("variable", owner);
      const { value, secret = false } = newVariable.check(given);
      const text = JSON.stringify(value);
      if (text.length > LONGEST_VALUE) {
        throw new HooklineError("too_large", `Variable ${name} is longer than ${LONGEST_VALUE} characters; shorten it`);
      }
      if (secret) rememberAll(value);
      const now = clock.now();
      const sealed = vault.seal(text, placeOf([ownerColumn(owner), name]));
      return db.transaction(async (tx) => {
        await assertNotErased(tx, owner);
        const before = await find(tx, owner, name);
        if (!before && (await variablesOfOwner(tx, owner)).length >= MOST_VARIABLES) {
          throw new HooklineError(
            "conflict",
            `Variable ${name}: ${MOST_VARIABLES} variables exist already; remove one first`,
          );
        }
        const createdAt = before?.createdAt ?? now;
        const record = { owner: ownerColumn(owner), name, secret, sealed, createdAt, updatedAt: now };
        await variables.save(tx, record);
        return view(record, () => value);
      });
    },

    async remove(...key) {
      const { owner, name } = checkKey(...key);
      if (!(await variables.delete(db, ownerColumn(owner), name))) throw await unknown(owner, name);
    },

    async valuesOf(user, compiled) {
      if (compiled?.readsVariables === false) return NONE;
      const values = { workspace: {}, user: {} };
      for (const record of await variablesInReach(db, user)) {
        const of = ownerOf(record) === null ? values.workspace : values.user;
        Object.defineProperty(of, record.name, { enumerable: true, get: () => open(record) });
      }
      return values;
    },
  };
}

/** Owner, as the store has it, and name. */
type VariableKey = [owner: string, name: string];

function placeOf(key: VariableKey): SealContext {
  return variables.placeOf("sealed", key, key[0] || null);
}

/** Only what was checked is used: what a program gives may be anything. */
function checkKey(user: string | null, named: string, scope?: Scope): { owner: string | null; name: string } {
  const { user: owner, name } = variableKey.check({ user, name: named });
  assertVisible(owner, scope);
  return { owner, name };
}

/** A user finds nothing of the workspace, nor under another user's name. */
function assertVisible(owner: string | null, scope: Scope = {}): void {
  if (isVisible(owner, scope)) return;
  throw new HooklineError("not_found", "These variables do not exist; a user token finds only those of its own user");
}

/** Keeps a secret's texts out of logs, however deep in it they are. */
function rememberAll(value: unknown): void {
  if (typeof value === "string") rememberSecret(value);
  else if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) rememberAll(inner);
}
