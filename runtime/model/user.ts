import { refuseFaults, type Fault } from "../core/errors.ts";
import { textFault, type JsonSchema } from "../core/json.ts";
import type { Sql } from "../store/database.ts";
import { formed, type Field } from "./field.ts";
import { isReserved, ownerIn, type Scope } from "./principal.ts";

/** Whose connections are the embedding product's own. Flows that admins write may use them, whoever a flow belongs to. */
export const WORKSPACE_USER = "@workspace";

/** Characters of the id of a user. */
const LONGEST = 255;
/** What has another meaning in a URL, a header, a log or a terminal. */
const FOREIGN = String.raw`\s\p{Z}\p{Cc}\p{Cf}\p{Cs}/?#%\\`;
/** Neither "." nor "..", and no "@" first. */
const ID = `(?:[^@.${FOREIGN}]|\\.[^.${FOREIGN}]|\\.\\.[^${FOREIGN}])[^${FOREIGN}]*`;
const RULE =
  'must have 1 to 255 characters, without spaces, control characters and / \\ ? # %; it may not be "." or "..", nor begin with "@", which is reserved for the workspace';

const EXAMPLES = ["u_1"];
const schemaOf = (description: string, pattern: string): JsonSchema => ({
  type: "string",
  maxLength: LONGEST,
  pattern: `^${pattern}$`,
  "x-patternMessage": RULE,
  description,
  examples: EXAMPLES,
});

/** JSON Schema of whom something new belongs to: a user, or the workspace under its own name. */
export const ownerSchema = (description: string): JsonSchema => schemaOf(description, `(?:${ID}|${WORKSPACE_USER})`);

/** The id of a user as the embedding product calls them: e-mail addresses, `auth0|…` and UUIDs fit. */
export const userId = (description: string): Field<string, string, false> => formed(schemaOf(description, ID));

/** The same, or the workspace. */
export const ownerId = (description: string): Field<string, string, false> => formed(ownerSchema(description));

const WHOLE_ID = new RegExp(`^(?=.{1,${LONGEST}}$)${ID}$`, "su");

/** Whether a text can be the id of a user. What an earlier version has stored may be another. */
function isUserId(text: string): boolean {
  return WHOLE_ID.test(text);
}

/**
 * Whom something new belongs to: the user a call is about.
 * @throws HooklineError `forbidden` when a user names another; `invalid_input` for a user of an earlier version, whose id is
 *   none: they read, delete and are erased
 */
export function newOwner(what: string, scope: Scope, named: string | undefined): string | undefined {
  const user = ownerIn(scope, named);
  if (user !== undefined && user !== WORKSPACE_USER) assertUserId(what, user);
  return user;
}

/** Refuses what is no id of a user. @throws HooklineError `invalid_input` */
export function assertUserId(what: string, user: string): void {
  const faults: Fault[] = isUserId(user) ? [] : [{ pointer: "/user", message: RULE }];
  refuseFaults(what, faults);
}

/**
 * Whether somebody may sign in under an id: every id that a user can have, and of others those under which an earlier version has
 * stored something. They read and delete it; nothing new is made for them.
 */
export async function maySignIn(sql: Sql, user: string): Promise<boolean> {
  return !isReserved(user) && (isUserId(user) || (await isStoredUser(sql, user)));
}

/** Whether the store has something of a user: ids that are none by now were given by earlier versions. */
async function isStoredUser(sql: Sql, user: string): Promise<boolean> {
  if (textFault(user) !== undefined) return false;
  for (const table of ["connections", "endpoints", "variables"]) {
    if ((await sql.get(`select 1 as one from ${table} where user_id = ? limit 1`, [user])) !== undefined) return true;
  }
  return false;
}
