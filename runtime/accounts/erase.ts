import type { Eraser } from "../engine/eraser.ts";
import type { Sql } from "../store/database.ts";

/** Erases variables, and whatever else names a user. Connections are removed before, one by one. */
export const accountsEraser: Eraser = {
  end: async (tx, user) => {
    const counts = {
      connections: await count(tx, "connections", user),
      subscriptions: await count(tx, "subscriptions", user),
    };
    return { ...counts, variables: await tx.run("delete from variables where user_id = ?", [user]) };
  },
  some: async (tx, { user, connection }) => {
    if (connection === null) await tx.run("delete from subscriptions where user_id = ?", [user]);
    return false;
  },
};

async function count(sql: Sql, table: "connections" | "subscriptions", user: string): Promise<number> {
  return (await sql.get<{ n: number }>(`select count(*) as n from ${table} where user_id = ?`, [user]))!.n;
}
