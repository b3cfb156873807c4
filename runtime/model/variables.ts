import type { Broken } from "../core/broken.ts";
import type { Fault } from "../core/errors.ts";
import type { Sql } from "../store/database.ts";
import { checked, fixed, flag, hidden, name, nullable, sealed, text, time, value } from "./field.ts";
import { input, type InputOf } from "./input.ts";
import { brokenSchema, listOf, nullable as nullableSchema, object, ref, text as textSchema } from "./schema.ts";
import { Table, type RecordOf, type ViewOf } from "./table.ts";

/** Characters of JSON. */
export const LONGEST_VALUE = 32_768;
/** What a runtime expression can name (`__proto__` is not among it). */
const NAME = /^[A-Za-z]\w{0,99}$/;

/** In the place of a user, whose name is never empty: part of the primary key, so it cannot be null. */
const WORKSPACE = "";

/** Named values that manifests and flows read. */
export const variables = new Table(
  "variables",
  {
    owner: hidden(text("Its owner: a user, or empty for the workspace.", { column: "user_id" })),
    name: text("Name.", { example: "region" }),
    secret: flag("Write-only: used, never shown again. Default false."),
    sealed: sealed("secret", "The value as JSON text.", "value"),
    createdAt: fixed(time("When it was first set.")),
    updatedAt: time("When it was last set."),
  },
  ["user_id", "name"],
  undefined,
  { row: ([owner, name]) => JSON.stringify([owner === WORKSPACE ? null : owner, name]) },
);

export type VariableRecord = RecordOf<typeof variables.fields>;

export interface VariableView extends ViewOf<typeof variables.fields> {
  /** Why its value cannot be read; missing while it can. */
  problem?: Broken;
  /** Missing when it is secret. */
  value?: unknown;
}

const user = nullable(name("A user, or null for the workspace."));

/** Whose variables are meant. */
export const variableOwner = input("variable", "Whose variables they are.", { user }, {});

/** Which variable is meant. */
export const variableKey = input(
  "variable",
  "Whose variable it is, and its name.",
  {
    user,
    name: checked(text("Name."), function* (given): Generator<Fault> {
      if (NAME.test(given)) return;
      const message = "a name is a letter, then letters, digits or _, at most 100 in all; choose another";
      yield { pointer: "", message };
    }),
  },
  {},
);

const anyJson = {
  description: `Any JSON, up to ${LONGEST_VALUE} characters.`,
  examples: ["eu-1", { region: "eu" }],
};

export const newVariable = input(
  "variable",
  "A value; it replaces the one before.",
  { value: value<unknown>(anyJson) },
  { secret: variables.fields.secret },
);
export type NewVariable = InputOf<typeof newVariable>;

export const variableSchemas = {
  Variable: object(
    "A named value that manifests and flows read.",
    {
      ...variables.shown,
      value: { ...anyJson, description: "Missing when it is secret." },
      problem: brokenSchema("Why its value cannot be read; missing while it can."),
    },
    ["value", "problem"],
  ),
  Variables: object("All variables of one owner.", {
    data: listOf(ref("Variable"), "By name."),
    nextCursor: nullableSchema(textSchema("Always null: an owner's variables are one page.")),
  }),
};

/** The owner as the store has it; null is the workspace. */
export const ownerColumn = (user: string | null): string => user ?? WORKSPACE;

/** The user who owns a variable; null for the workspace. */
export const ownerOf = ({ owner }: VariableRecord): string | null => (owner === WORKSPACE ? null : owner);

/** All of one owner, by name. */
export function variablesOfOwner(sql: Sql, user: string | null): Promise<VariableRecord[]> {
  return variables.all(sql, "where user_id = ? order by name", [ownerColumn(user)]);
}

/** Those of the workspace and of a user, in one statement. */
export function variablesInReach(sql: Sql, user: string): Promise<VariableRecord[]> {
  return variables.all(sql, "where user_id in (?, ?)", [WORKSPACE, user]);
}
