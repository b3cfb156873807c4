import type { Sql } from "../store/database.ts";
import { bytes, name, text, time } from "./field.ts";
import { Table, type RecordOf } from "./table.ts";

/** Grants of connections that are gone, which are still to be ended at the vendor. Each is tried once. */
export const revocations = new Table("revocations", {
  id: text("Id."),
  connector: name("Name of the connector."),
  sealed: bytes("Sealed credentials."),
  createdAt: time("When the connection was removed."),
});

export type Revocation = RecordOf<typeof revocations.fields>;

/** Those of before a time, milliseconds since the epoch. */
export function revocationsBefore(sql: Sql, before: number, limit: number): Promise<Revocation[]> {
  return revocations.all(sql, "where created_at < ? order by created_at limit ?", [before, limit]);
}
