import { beforeEach, afterEach, describe, expect, it } from "vitest";
import { pageOfDeliveries } from "../../runtime/model/deliveries.ts";
import { events } from "../../runtime/model/events.ts";
import { forgetParked } from "../../runtime/model/parked-events.ts";
import { subscriptions } from "../../runtime/model/subscriptions.ts";
import type { Database, SqlValue } from "../../runtime/store/database.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";

let db: Database;
beforeEach(async () => {
  db = await openDatabase("sqlite::memory:");
  await migrate(db);
});
afterEach(() => db.close());

/** How SQLite finds what a query asks for, without the tables beside it. */
async function planOf(ask: () => Promise<unknown>): Promise<string> {
  const asked: [string, readonly SqlValue[]][] = [];
  const { all, run } = db;
  db.all = async (text, params = []) => (asked.push([text, params]), []);
  db.run = async (text, params = []) => (asked.push([text, params]), 0);
  await ask();
  Object.assign(db, { all, run });
  const [text, params] = asked[0]!;
  const plan = await db.all<{ detail: string }>(`explain query plan ${text}`, params);
  return plan.map(({ detail }) => detail).join("; ");
}

const page = { limit: 50, after: "x_1" };

describe("a list with a filter is read in an index, and not sorted", () => {
  it.each([
    ["connection", "subscriptions_by_connection"],
    ["endpoint", "subscriptions_by_endpoint"],
    ["trigger", "subscriptions_by_trigger"],
    ["user", "subscriptions_by_user"],
  ])("subscriptions by %s", async (name, index) => {
    const plan = await planOf(() => subscriptions.page(db, { [name]: "x" }, page));
    expect(plan).toContain(`USING INDEX ${index} `);
    expect(plan).not.toMatch(/SCAN|TEMP B-TREE/);
  });

  it.each(["dead", "cancelled"] as const)("deliveries that are %s", async (status) => {
    const plan = await planOf(() => pageOfDeliveries(db, { ...page, filter: { status } }));
    expect(plan).toContain("USING INDEX deliveries_by_loss ");
    expect(plan).not.toMatch(/SCAN|TEMP B-TREE/);
  });

  it.each(["pending", "delivered"] as const)("deliveries that are %s go by their ids", async (status) => {
    const plan = await planOf(() => pageOfDeliveries(db, { ...page, filter: { status } }));
    expect(plan).toMatch(/SEARCH deliveries USING INDEX sqlite_autoindex_deliveries/);
  });

  it.each([
    ["type", "events_by_position"],
    ["user", "events_by_user"],
    ["connection", "events_by_connection"],
  ])("events by %s, newest first", async (name, index) => {
    const plan = await planOf(() => events.page(db, { [name]: "x" }, { ...page, order: "newest" }));
    expect(plan).toContain(`USING INDEX ${index} `);
    expect(plan).not.toContain("TEMP B-TREE");
  });

  it("parked events that may be over", async () => {
    const plan = await planOf(() => forgetParked(db, 0));
    expect(plan).toContain("parked_events_by_position");
    expect(plan).not.toContain("SCAN");
  });
});

describe("what is parked of events", () => {
  it("is deleted where they are kept no longer, and are older than events are kept", async () => {
    const at = Date.parse("2026-01-01T00:00:00Z");
    const day = 86_400_000;
    const place = (time: number): string => `pos_${time.toString(16).padStart(12, "0")}${"0".repeat(20)}`;
    for (const [id, time] of [
      ["old", at + day - 1],
      ["young", at + day],
    ] as const) {
      await db.run("insert into parked_events (id, target, position) values (?, 'flow_1', ?)", [id, place(time)]);
    }
    expect(await forgetParked(db, at)).toBe(1);
    expect(await db.all("select id from parked_events")).toEqual([{ id: "young" }]);
  });
});
