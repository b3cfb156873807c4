import { createHash } from "node:crypto";
import type { Sql, SqlValue } from "./database.ts";

/** A table that holds what is to survive a restart; jobs are the engine's. */
export interface Table {
  name: string;
  columns: readonly string[];
  /** Those of its primary key. */
  key: readonly string[];
}

/** How much a table holds, and a hash of it whatever the order. */
export interface Content {
  rows: number;
  hash: string;
}

const PAGE = 500;

/** The tables that a SQLite database has, those of modules too. */
export async function listTables(db: Sql): Promise<Table[]> {
  const names = await db.all<{ name: string }>(
    "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' and name <> 'jobs' order by name",
  );
  return await Promise.all(names.map(({ name }) => describeTable(db, name)));
}

async function describeTable(db: Sql, name: string): Promise<Table> {
  const columns = await db.all<{ name: string; pk: number }>(`pragma table_info(${name})`);
  const key = columns.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk);
  return { name, columns: columns.map((column) => column.name), key: key.map((column) => column.name) };
}

/** How many rows a table has. */
export async function countRows(sql: Sql, { name }: Pick<Table, "name">): Promise<number> {
  return (await sql.get<{ rows: number }>(`select count(*) as rows from ${name}`))!.rows;
}

/** Reads a whole table, a page at a time, and says what it holds. */
export async function readTable(
  sql: Sql,
  table: Table,
  onPage: (rows: readonly SqlValue[][]) => void | Promise<void>,
): Promise<Content> {
  const total = new Sum();
  for (let last: SqlValue[] | undefined; ;) {
    const page = await sql.all<Record<string, SqlValue>>(...pageOf(table, last));
    const rows = page.map((row) => table.columns.map((column) => row[column]!));
    for (const row of rows) total.add(row);
    await onPage(rows);
    if (page.length < PAGE) return total.content;
    last = table.key.map((column) => page.at(-1)![column]!);
  }
}

function pageOf({ name, columns, key }: Table, last: readonly SqlValue[] | undefined): [string, readonly SqlValue[]] {
  const after = last === undefined ? "" : ` where (${key.join(", ")}) > (${key.map(() => "?").join(", ")})`;
  return [
    `select ${columns.join(", ")} from ${name}${after} order by ${key.join(", ")} limit ${PAGE}`,
    last === undefined ? [] : last,
  ];
}

/** Inserts rows as {@link readTable} gives them. */
export async function writeRows(sql: Sql, { name, columns }: Table, rows: readonly SqlValue[][]): Promise<void> {
  if (rows.length === 0) return;
  const values = columns.map(() => "?").join(", ");
  await sql.many(`insert into ${name} (${columns.join(", ")}) values (${values})`, rows);
}

/** Has PostgreSQL continue counting where the copied rows end, also after deleted streams that events still name. */
export async function raiseSerials(sql: Sql): Promise<void> {
  await sql.get(
    `select setval(pg_get_serial_sequence('streams', 'id'),
       greatest(1, (select max(id) from streams), (select max(stream) from events)))`,
  );
}

/** Adds up the hashes of rows, so that neither their order nor equal ones are lost or matter. */
export class Sum {
  #rows = 0;
  #sum = 0n;

  add(row: readonly unknown[]): void {
    const text = JSON.stringify(row, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value,
    );
    const hash = createHash("sha256").update(text).digest("hex");
    this.#sum = BigInt.asUintN(256, this.#sum + BigInt(`0x${hash}`));
    this.#rows++;
  }

  get content(): Content {
    return { rows: this.#rows, hash: this.#sum.toString(16).padStart(64, "0") };
  }
}
