import { textFault, type JsonSchema } from "../core/json.ts";
import type { Sql, SqlValue, Tx } from "../store/database.ts";
import type { SealContext } from "../core/crypto.ts";
import type { Field, Fields, JsonOf, SealMark, ValueOf } from "./field.ts";
import { object } from "./schema.ts";

/** What is stored of a noun, in code. */
export type RecordOf<F> = { -readonly [Name in keyof F]: ValueOf<F[Name]> };

/** What people see of it: no hidden field, times as RFC 3339. */
export type ViewOf<F> = {
  -readonly [Name in keyof F as F[Name] extends { hidden: true } ? never : Name]: JsonOf<F[Name]>;
};

/** Equality, a list of allowed values, or no restriction (undefined), by property. */
export type FilterOf<F> = { [Name in keyof F]?: ValueOf<F[Name]> | undefined };

export interface PageOptions {
  /** Most records. */
  limit: number;
  /** What the last record before the page is ordered by: an id, unless the table says otherwise. */
  after?: string;
  /** Default "oldest" first. */
  order?: "oldest" | "newest";
  /** Further conditions and their parameters. */
  where?: readonly (readonly [condition: string, ...params: SqlValue[]])[];
}

type Row = Record<string, SqlValue>;

/** To what the sealed fields of a table are bound. */
export interface Sealing {
  /** How a row is named, by its key; default the key itself. */
  readonly row?: (key: readonly SqlValue[]) => string;
  /** An expression in SQL for the user a row belongs to; default its column `user_id`. */
  readonly user?: string;
}

/** A property and where it is stored. */
interface Entry {
  property: string;
  column: string;
  field: Field<never>;
}

/**
 * A noun of the store: its fields once, and from them its record, columns, statements, view and JSON Schema.
 * What a statement of one's own needs (`where …`) is written in columns; `all` and `one` read its rows.
 */
export class Table<F extends Fields> {
  readonly name: string;
  readonly fields: F;
  /** All columns, in the order of the fields, for a `select`. */
  readonly columns: string;
  /** JSON Schemas of what is shown, by property. */
  readonly shown: Record<string, JsonSchema>;
  readonly #key: string;
  readonly #order: string;
  readonly #entries: Entry[];
  /** The same with each column as a row of a join has it, by prefix. */
  readonly #prefixed = new Map<string, Entry[]>();
  readonly #insert: string;
  readonly #insertNew: string;
  readonly #save: string;

  /** Columns of the primary key. */
  readonly key: readonly string[];
  /** Its sealed fields, with the properties and columns they have. */
  readonly sealed: readonly { property: string; column: string; mark: SealMark }[];
  readonly sealing: Sealing;

  /**
   * `key`: columns of the primary key. `order`: the unique column that pages are ordered by. `sealing`: to what sealed fields are
   * bound; default the key and the column `user_id`.
   */
  constructor(name: string, fields: F, key: readonly string[] = ["id"], order = "id", sealing: Sealing = {}) {
    this.name = name;
    this.key = key;
    this.sealing = sealing;
    this.fields = fields;
    this.#entries = Object.entries(fields).map(([property, field]) => {
      return { property, column: field.column ?? snakeCase(property), field };
    });
    const columns = this.#entries.map(({ column }) => column);
    this.columns = columns.join(", ");
    this.shown = Object.fromEntries(
      this.#entries.filter(({ field }) => !field.hidden).map(({ property, field }) => [property, field.schema]),
    );
    this.sealed = this.#entries.flatMap(({ property, column, field: { sealed: mark } }) =>
      mark ? [{ property, column, mark }] : [],
    );
    this.#key = key.map((column) => `${column} = ?`).join(" and ");
    this.#order = order;
    this.#insert = `insert into ${name} (${this.columns}) values (${columns.map(() => "?").join(", ")})`;
    const onConflict = ` on conflict (${key.join(", ")}) do`;
    this.#insertNew = `${this.#insert}${onConflict} nothing`;
    const changing = this.#entries.filter(({ column, field }) => !field.fixed && !key.includes(column));
    const changes = changing.map(({ column }) => `${column} = excluded.${column}`).join(", ");
    this.#save = changes === "" ? this.#insertNew : `${this.#insert}${onConflict} update set ${changes}`;
  }

  /**
   * To what a sealed field of a row is bound: table, row, column and user.
   * @throws TypeError for a field that is not sealed
   */
  placeOf(property: keyof F & string, key: readonly SqlValue[], user: string | null): SealContext {
    const found = this.sealed.find((one) => one.property === property);
    if (!found) throw new TypeError(`${this.name}.${property} is not a sealed field`);
    const row = this.sealing.row?.(key) ?? (key.length === 1 ? String(key[0]) : JSON.stringify(key));
    return { table: this.name, row, field: found.mark.as ?? found.column, user };
  }

  /** The columns with a table's alias before each, for a join; with `prefix`, each is named so in the rows. */
  columnsOf(alias: string, prefix = ""): string {
    const as = (column: string): string => (prefix === "" ? "" : ` as ${prefix}${column}`);
    return this.#entries.map(({ column }) => `${alias}.${column}${as(column)}`).join(", ");
  }

  /** The record that a row of all columns holds; `prefix` as it was given to `columnsOf`. */
  read(row: Row, prefix = ""): RecordOf<F> {
    const record: Record<string, unknown> = {};
    for (const { property, column, field } of prefix === "" ? this.#entries : this.#prefixedBy(prefix)) {
      const stored = row[column]!;
      const { read } = field.codec;
      record[property] = read === undefined || stored === null ? stored : read(stored as never);
    }
    return record as RecordOf<F>;
  }

  #prefixedBy(prefix: string): Entry[] {
    let entries = this.#prefixed.get(prefix);
    if (entries === undefined) {
      entries = this.#entries.map((entry) => ({ ...entry, column: prefix + entry.column }));
      this.#prefixed.set(prefix, entries);
    }
    return entries;
  }

  /** A record as people see it. */
  view(record: RecordOf<F>): ViewOf<F> {
    const view: Record<string, unknown> = {};
    for (const { property, field } of this.#entries) {
      if (!field.hidden) view[property] = field.show(record[property] as never);
    }
    return view as ViewOf<F>;
  }

  /** JSON Schema of the view, with further properties that are not stored so. */
  schema(description: string, further: Record<string, JsonSchema> = {}): JsonSchema {
    return object(description, { ...this.shown, ...further });
  }

  async insert(sql: Sql, ...records: readonly RecordOf<F>[]): Promise<void> {
    if (records.length > 0)
      await sql.many(
        this.#insert,
        records.map((record) => this.#values(record)),
      );
  }

  /** Inserts the records whose primary key is new, and passes over the others; returns how many were inserted. */
  async insertNew(sql: Sql, ...records: readonly RecordOf<F>[]): Promise<number> {
    if (records.length === 0) return 0;
    return sql.many(
      this.#insertNew,
      records.map((record) => this.#values(record)),
    );
  }

  /** Inserts records, or replaces all of them but their fixed fields. */
  async save(sql: Sql, ...records: readonly RecordOf<F>[]): Promise<void> {
    if (records.length > 0)
      await sql.many(
        this.#save,
        records.map((record) => this.#values(record)),
      );
  }

  /** The record of a primary key. */
  async find(sql: Sql, ...key: readonly SqlValue[]): Promise<RecordOf<F> | undefined> {
    // What cannot be stored is nobody's key, and some stores refuse to look for it.
    if (key.some((part) => typeof part === "string" && textFault(part) !== undefined)) return undefined;
    return this.one(sql, `where ${this.#key}`, key);
  }

  /** Those of the ids that exist. */
  async byIds(sql: Sql, ids: readonly string[]): Promise<RecordOf<F>[]> {
    return ids.length === 0 ? [] : this.all(sql, `where ${sql.oneOf("id")}`, [JSON.stringify(ids)]);
  }

  /** The first record of `select … from <table>` and what follows. */
  async one(sql: Sql, rest: string, params: readonly SqlValue[] = []): Promise<RecordOf<F> | undefined> {
    const row = await sql.get<Row>(`select ${this.columns} from ${this.name} ${rest}`, params);
    return row && this.read(row);
  }

  /** The records of `select … from <table>` and what follows. */
  async all(sql: Sql, rest: string, params: readonly SqlValue[] = []): Promise<RecordOf<F>[]> {
    const rows = await sql.all<Row>(`select ${this.columns} from ${this.name} ${rest}`, params);
    return rows.map((row) => this.read(row));
  }

  /** Sets properties of the records that a condition holds for; returns how many there were. */
  async change(
    sql: Sql,
    changes: Partial<RecordOf<F>>,
    where: string,
    params: readonly SqlValue[] = [],
  ): Promise<number> {
    const given = this.#entries.map(({ property }): keyof F => property).filter((name) => changes[name] !== undefined);
    return this.changer(given, where)(sql, changes as RecordOf<F>, params);
  }

  /** `change` of certain properties, whose statement is written once: for what is changed all the time. */
  changer<Name extends keyof F>(
    properties: readonly Name[],
    where: string,
  ): (sql: Sql, changes: Pick<RecordOf<F>, Name>, params: readonly SqlValue[]) => Promise<number> {
    const given = this.#entries.filter(({ property }) => properties.includes(property as Name));
    const sets = given.map(({ column }) => `${column} = ?`).join(", ");
    const statement = `update ${this.name} set ${sets} where ${where}`;
    return (sql, changes, params) => {
      const values = given.map(({ property, field }) => write(field, changes[property as Name]));
      return sql.run(statement, [...values, ...params]);
    };
  }

  /** Whether there was a record of this primary key to delete. */
  async delete(tx: Tx | Sql, ...key: readonly SqlValue[]): Promise<boolean> {
    return (await tx.run(`delete from ${this.name} where ${this.#key}`, key)) > 0;
  }

  /** One page, in the order of the table. */
  async page(sql: Sql, filter: FilterOf<F>, options: PageOptions): Promise<RecordOf<F>[]> {
    const { limit, after, order = "oldest", where = [] } = options;
    const conditions: string[] = [];
    const params: SqlValue[] = [];
    const add = (condition: string, ...values: readonly SqlValue[]): void => {
      conditions.push(condition);
      params.push(...values);
    };
    if (after !== undefined) add(`${this.#order} ${order === "oldest" ? ">" : "<"} ?`, after);
    for (const { property, column, field } of this.#entries) {
      const wanted = filter[property];
      if (wanted === null) add(`${column} is null`);
      else if (wanted !== undefined) add(`${column} = ?`, write(field, wanted));
    }
    for (const [condition, ...values] of where) add(condition, ...values);
    const all = conditions.length === 0 ? "" : `where ${conditions.join(" and ")} `;
    return this.all(sql, `${all}order by ${this.#order} ${order === "oldest" ? "asc" : "desc"} limit ?`, [
      ...params,
      limit,
    ]);
  }

  #values(record: RecordOf<F>): SqlValue[] {
    return this.#entries.map(({ property, field }) => write(field, record[property]));
  }
}

function write(field: Field<never>, value: unknown): SqlValue {
  if (value === null || value === undefined) return null;
  const { write } = field.codec;
  return write === undefined ? (value as SqlValue) : write(value as never);
}

function snakeCase(property: string): string {
  return property.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
