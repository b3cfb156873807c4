import type { SqlValue } from "./database.ts";

/** A statement as PostgreSQL takes it. */
export interface Statement {
  text: string;
  /** Parameters that are a JSON array of alternatives, see {@link oneOf}; by position. */
  lists: readonly number[];
}

/** More than the runtime has statements; a bound for those built from parts. */
const MAX_TRANSLATED = 512;
/** The protocol counts parameters in 16 bits; fewer keep a statement small. */
const MAX_PARAMETERS = 20_000;

const translated = new Map<string, Statement>();

/**
 * A condition for the alternatives of a JSON array given as one parameter. As an array parameter it takes its type from
 * the column and is looked up in the column's index, whatever the number.
 */
export const oneOf = (column: string): string => `${column} = any(?)`;

/** `?` becomes `$1`, `$2`, … outside of quotes. */
export function translate(sql: string): Statement {
  let statement = translated.get(sql);
  if (statement === undefined) {
    let count = 0;
    const lists: number[] = [];
    const text = sql.replace(/'[^']*'|"[^"]*"|any\(\?\)|\?/g, (found) => {
      if (found === "?") return `$${++count}`;
      if (found !== "any(?)") return found;
      lists.push(count);
      return `any($${++count})`;
    });
    statement = { text, lists };
    if (translated.size === MAX_TRANSLATED) translated.delete(translated.keys().next().value!);
    translated.set(sql, statement);
  }
  return statement;
}

/** The parameters of a statement as the driver wants them. */
export function parameters({ lists }: Statement, params: readonly SqlValue[]): unknown[] {
  const values: unknown[] = [...params];
  for (const position of lists) values[position] = JSON.parse(values[position] as string);
  return values;
}

/** The parts of an insert that takes its rows from one list of values. */
const INSERT = /^(\s*insert\s+into\s+\w+\s*\(([^)]*)\)\s*values\s*)(\([^)]*\))([^]*)$/i;
const CONFLICT = /on\s+conflict\s*\(([^)]*)\)[^]*do\s+update/i;
const names = (list: string): string[] => list.split(",").map((name) => name.trim());

/**
 * One insert for many rows instead of one per row. Yields the statements that do it; undefined when `sql` is not such an
 * insert. A row that meets an earlier one of the same call starts a new statement: PostgreSQL changes a row only once in each.
 */
export function insertMany(
  sql: string,
  rows: readonly (readonly SqlValue[])[],
): { text: string; values: unknown[] }[] | undefined {
  const match = INSERT.exec(sql);
  const width = rows[0]?.length ?? 0;
  if (match === null || width === 0) return undefined;
  const [, head, columns, tuple, tail] = match as unknown as [string, string, string, string, string];
  const identify = identity(columns, tuple, tail);
  const most = Math.floor(MAX_PARAMETERS / width);
  const statements: { text: string; values: unknown[] }[] = [];
  let batch: (readonly SqlValue[])[] = [];
  let seen = new Set<string>();
  const flush = (): void => {
    if (batch.length === 0) return;
    const tuples = Array<string>(batch.length).fill(tuple).join(", ");
    let count = 0;
    const text = `${head}${tuples}${tail}`.replace(/'[^']*'|\?/g, (found) => (found === "?" ? `$${++count}` : found));
    statements.push({ text, values: batch.flat() });
    batch = [];
    seen = new Set();
  };
  for (const row of rows) {
    const key = identify?.(row);
    if (batch.length === most || (key !== undefined && seen.has(key))) flush();
    batch.push(row);
    if (key !== undefined) seen.add(key);
  }
  flush();
  return statements;
}

/** What `on conflict (…) do update` tells rows apart by, when all of it comes from parameters. */
function identity(columns: string, tuple: string, tail: string): ((row: readonly SqlValue[]) => string) | undefined {
  const target = CONFLICT.exec(tail)?.[1];
  if (target === undefined) return undefined;
  let parameter = 0;
  const places = new Map<string, number>();
  const values = names(tuple.slice(1, -1));
  for (const [i, column] of names(columns).entries()) if (values[i] === "?") places.set(column, parameter++);
  const positions = names(target).map((column) => places.get(column));
  return (row) => JSON.stringify(positions.map((position) => (position === undefined ? null : row[position])));
}
