import { orBroken } from "../core/broken.ts";
import type { SealContext, Vault } from "../core/crypto.ts";
import type { Database, Sql, SqlValue } from "../store/database.ts";
import type { Fields } from "./field.ts";
import { getMeta, setMeta } from "./meta.ts";
import type { Table } from "./table.ts";

/** Before sealed text: nothing that an earlier version stored as it is begins so, for that was JSON. */
const MARK = "sealed:";

/** Text sealed for its place, as text. */
export function sealText(vault: Vault, place: SealContext, text: string): string {
  return MARK + Buffer.from(vault.seal(text, place)).toString("base64");
}

/** What {@link sealText} sealed; what an earlier version stored comes as it is. @throws HooklineError `decryption_failed` */
export function openText(vault: Vault, place: SealContext, stored: string): string {
  return stored.startsWith(MARK) ? vault.open(bytesOf(stored), place) : stored;
}

const bytesOf = (stored: string): Buffer => Buffer.from(stored.slice(MARK.length), "base64");

/** The value as it is sealed with the newest key and bound to its user; null when it is so already. */
function rewrapped(vault: Vault, place: SealContext, stored: SqlValue): SqlValue {
  if (stored instanceof Uint8Array) return vault.rewrap(stored, place);
  const text = stored as string;
  if (!text.startsWith(MARK)) return sealText(vault, place, text);
  const again = vault.rewrap(bytesOf(text), place);
  return again === null ? null : MARK + Buffer.from(again).toString("base64");
}

/** What became of the sealed values of a table. */
export interface Resealed {
  changed: number;
  /** Values that no given key opens; they stay as they are. */
  broken: number;
}

const BATCH = 200;

/** Seals every marked field of a table with the newest key, and binds what an earlier version has sealed to its user. */
export async function resealTable(db: Database, vault: Vault, table: Table<Fields>): Promise<Resealed> {
  const { name, key, sealed, sealing } = table;
  const result: Resealed = { changed: 0, broken: 0 };
  if (sealed.length === 0) return result;
  const columns = [...new Set([...key, ...sealed.map(({ column }) => column)])].map((column) => `${name}.${column}`);
  const keys = key.map((column) => `${name}.${column}`).join(", ");
  const select = `select ${columns.join(", ")}, ${sealing.user ?? "user_id"} as "ownerOfRow" from ${name}`;
  const same = key.map((column) => `${column} = ?`).join(" and ");
  for (let last: SqlValue[] | undefined; ;) {
    const after = last ? ` where (${keys}) > (${key.map(() => "?").join(", ")})` : "";
    const rows = await db.all<Record<string, SqlValue>>(
      `${select}${after} order by ${keys} limit ${BATCH}`,
      last ?? [],
    );
    for (const row of rows) {
      const keyOfRow = key.map((column) => row[column]!);
      for (const { property, column } of sealed) {
        const stored = row[column]!;
        if (stored === null) continue;
        const place = table.placeOf(property, keyOfRow, (row["ownerOfRow"] as string) || null);
        const { value: next = null, problem } = orBroken(() => rewrapped(vault, place, stored));
        if (problem !== null) result.broken++;
        if (next === null) continue;
        // Not where it changed meanwhile: who changed it has sealed it with the newest key.
        const update = `update ${name} set ${column} = ? where ${same} and ${column} = ?`;
        result.changed += await db.run(update, [next, ...keyOfRow, stored]);
      }
    }
    if (rows.length < BATCH) return result;
    last = key.map((column) => rows.at(-1)![column]!);
  }
}

/** To what a sealed value of `meta` is bound: it belongs to nobody. */
export const placeInMeta = (name: string): SealContext => ({ table: "meta", row: name, field: "value" });

/** Wraps a sealed value of `meta` with the newest key, where there is one. */
export async function rewrapMeta(sql: Sql, vault: Vault, name: string): Promise<void> {
  const stored = await getMeta(sql, name);
  const again = stored === undefined ? null : vault.rewrap(Buffer.from(stored, "base64"), placeInMeta(name));
  if (again !== null) await setMeta(sql, name, Buffer.from(again).toString("base64"));
}
