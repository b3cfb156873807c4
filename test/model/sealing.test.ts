import { globSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { batches } from "../../runtime/act/model/batches.ts";
import { actModule } from "../../runtime/act/module.ts";
import { createVault } from "../../runtime/core/crypto.ts";
import { createLog } from "../../runtime/core/log.ts";
import { runs } from "../../runtime/flows/model/runs.ts";
import { flowsModule } from "../../runtime/flows/module.ts";
import { openText, resealTable, sealText } from "../../runtime/model/sealing.ts";
import { Table } from "../../runtime/model/table.ts";
import type { Database, SqlValue } from "../../runtime/store/database.ts";
import { migrate, migrateModule } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { createTestStore } from "../postgres.ts";

type AnyTable = Table<Record<string, never>>;
type Rows = Record<string, SqlValue>;

const CANARY = JSON.stringify({ canary: "of-a-sealed-field" });
const [OLD, YOUNG] = [7, 8].map((byte) => Buffer.alloc(32, byte).toString("base64")) as [string, string];
const runtime = resolve(import.meta.dirname, "../../runtime");

/** Every exported table with a mark, of every room. */
async function markedTables(): Promise<AnyTable[]> {
  const found = new Set<AnyTable>();
  for (const file of globSync("**/model/*.ts", { cwd: runtime })) {
    for (const value of Object.values((await import(join(runtime, file))) as object)) {
      if (value instanceof Table && value.sealed.length > 0) found.add(value as AnyTable);
    }
  }
  return [...found].filter(({ name }) => /^\w+$/.test(name));
}

const tables = await markedTables();
const fields = tables.flatMap((table) =>
  table.sealed.map(({ property }) => ({ table, property, name: `${table.name}.${property}` })),
);
const BOUND = { act: ["batch_items", "batches"], flows: ["run_steps", "runs"] };

/** A record of a table with something in every column. */
function recordOf({ fields }: AnyTable, given: Record<string, unknown>): never {
  const filled = Object.entries(
    fields as Record<
      string,
      { schema: { type?: string | string[]; enum?: unknown[] }; nullable: boolean; codec: object }
    >,
  ).map(([property, { schema, nullable, codec }]) => {
    const type = [schema.type].flat()[0];
    const empty = { integer: 0, number: 0, boolean: false, array: [], object: {}, string: "x" }[type ?? "string"];
    const isTime = type === "string" && (schema as { format?: string }).format === "date-time";
    return [
      property,
      nullable ? null : isTime ? 0 : (schema.enum?.[0] ?? ("read" in codec && type === undefined ? {} : empty)),
    ];
  });
  return { ...Object.fromEntries(filled), ...given } as never;
}

async function store(dialect: string): Promise<Database> {
  let url = "sqlite::memory:";
  if (dialect === "PostgreSQL") {
    const made = await createTestStore();
    onTestFinished(() => made.drop());
    url = made.url;
  }
  const log = createLog({ level: "silent" });
  const db = await openDatabase(url, { log });
  onTestFinished(() => db.close());
  await migrate(db, log);
  for (const module of [actModule, flowsModule]) await migrateModule(db, log, module);
  return db;
}

describe("the marks of sealed fields", () => {
  it("are on credentials, secrets, samples, answers, runs and results", () => {
    expect(fields.map(({ name }) => name).sort()).toEqual([
      "batch_items.input",
      "batch_items.result",
      "connections.credentials",
      "connections.proofs",
      "endpoints.sealed",
      "flows.hookSecret",
      "flows.sample",
      "idempotency.answer",
      "run_steps.state",
      "runs.trigger",
      "variables.sealed",
    ]);
  });

  it("bind a value to its row, column and user", () => {
    const places = fields.map(({ table, property }) =>
      table.placeOf(
        property,
        table.key.map((_, i) => `k${i}`),
        "u_1",
      ),
    );
    expect(new Set(places.map((place) => JSON.stringify(place))).size).toBe(fields.length);
  });
});

describe.each(["SQLite", "PostgreSQL"])("on %s", (dialect) => {
  it("what is sealed opens in its place alone, and what an earlier version sealed is bound to its user by a rotation", async () => {
    const db = await store(dialect);
    const [old, both, young] = [createVault([OLD]), createVault([YOUNG, OLD]), createVault([YOUNG])];
    const named = (name: string) => ([...tables, batches, runs] as AnyTable[]).find((table) => table.name === name)!;
    for (const { table, property, name } of fields) {
      const parent = table.sealing.user && Object.values(BOUND).find(([child]) => child === table.name)?.[1];
      const userless = parent !== undefined && parent !== "";
      if (userless) {
        const record = recordOf(named(parent), {
          id: "k0",
          user: "u_1",
          ...(parent === "runs" && { trigger: new Uint8Array() }),
        });
        await named(parent).save(db, record);
      }
      const numeric = (column: string): boolean => column === "position" || column === "iteration";
      const key: SqlValue[] = table.key.map((column, i) =>
        column === "user_id" ? "u_1" : numeric(column) ? i : `k${i}`,
      );
      const place = table.placeOf(property, key, "u_1");
      const { user: _user, ...unbound } = place;
      const schema = (table.fields as unknown as Record<string, { schema: { type?: unknown } }>)[property]!.schema;
      const isText = [schema.type].flat().includes("string");
      // As the last version stored it: without a user, or as it is.
      const earlier = isText ? CANARY : old.seal(CANARY, unbound);
      const keyed = Object.fromEntries(table.key.map((column, i) => [propertyOf(table, column), key[i]]));
      await db.run(`delete from ${table.name}`);
      const others = Object.fromEntries(
        table.sealed.filter((one) => one.property !== property).map((one) => [one.property, null]),
      );
      const filler =
        table.name === "batch_items" && property === "result"
          ? { input: sealText(young, table.placeOf("input", key, "u_1"), "{}") }
          : {};
      const owner = "user" in table.fields ? { user: "u_1" } : {};
      await table.insert(db, recordOf(table, { ...others, ...filler, ...keyed, ...owner, [property]: earlier }));

      expect([name, await resealTable(db, both, table as never)]).toEqual([name, { changed: 1, broken: 0 }]);
      expect([name, await resealTable(db, both, table as never)]).toEqual([name, { changed: 0, broken: 0 }]);
      const stored = async (): Promise<SqlValue> => {
        const { column } = table.sealed.find((one) => one.property === property)!;
        return (await db.get<Rows>(`select ${column} as value from ${table.name}`))!["value"]!;
      };
      const value = await stored();
      const read = (at: typeof place): string =>
        typeof value === "string" ? openText(young, at, value) : young.open(value as Uint8Array, at);
      expect([name, read(place)]).toEqual([name, CANARY]);
      expect(Buffer.from(value as string).toString("latin1")).not.toContain("of-a-sealed-field");
      for (const elsewhere of [{ user: "u_2" }, { user: null }, { row: "k9" }, { field: "other" }, { table: "other" }])
        expect(() => read({ ...place, ...elsewhere })).toThrow(expect.objectContaining({ code: "decryption_failed" }));
      // Moved in the store to another user: a rotation says that it is broken, and changes nothing.
      const of = userless ? parent : table.name;
      await db.run(`update ${of} set user_id = 'u_2'`);
      expect([name, (await resealTable(db, createVault([OLD, YOUNG]), table as never)).broken]).toEqual([
        name,
        1 + Object.keys(filler).length,
      ]);
      expect(Buffer.compare(Buffer.from((await stored()) as string), Buffer.from(value as string))).toBe(0);
      await db.run(`update ${of} set user_id = 'u_1'`);
    }
  });
});

const propertyOf = (table: AnyTable, column: string): string =>
  Object.entries(table.fields as unknown as Record<string, { column?: string }>).find(
    ([property, field]) =>
      (field.column ?? property.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)) === column,
  )![0];
