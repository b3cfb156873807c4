import { describe, expect, it, onTestFinished } from "vitest";
import type { World } from "../contract/world.ts";
import { googleWorld } from "./google-world.ts";
import { openHighLevel } from "./highlevel-world.ts";

const COUNTS = ["missing", "extra", "stale", "pending", "unsettled", "held", "quarantined", "unread"] as const;

const worlds: Record<string, () => Promise<World>> = {
  "google-contacts": () => googleWorld("google-contacts", { items: true }),
  "google-calendar": () => googleWorld("google-calendar", { items: true }),
  "google-tasks": () => googleWorld("google-tasks", { items: true }),
  gmail: () => googleWorld("gmail", { items: true }),
  highlevel: () => openHighLevel(),
};

/** The counts that are not 0; null for what was not looked at. */
async function audited({ runtime }: World, subscription: string): Promise<Record<string, unknown>> {
  const found = await runtime.audits.audit(subscription);
  const counts = COUNTS.map((name) => [name, found[name] && found[name].count] as const);
  return { verdict: found.verdict, ...Object.fromEntries(counts.filter(([, count]) => count !== 0)) };
}

const notAudited = { verdict: "notAudited", missing: null, extra: null, stale: null };
const proved = { verdict: "proved" };
const partly = { verdict: "partial", extra: null };

describe("an audit after a poll finds nothing lost", () => {
  it.each<[string, string, object]>([
    ["google-contacts", "contact_created", proved],
    ["google-contacts", "group_created", proved],
    ["google-contacts", "other_contact_created", proved],
    ["google-calendar", "event_created", proved],
    ["google-calendar", "event_starting", partly],
    ["google-tasks", "task_created", proved],
    ["gmail", "message_received", notAudited],
    ["gmail", "label_created", proved],
    ["highlevel", "search_contacts", proved],
    ["highlevel", "contact_deleted", proved],
    ["highlevel", "appointment_created", partly],
    ["highlevel", "opportunity_created", proved],
    ["highlevel", "conversation_message_received", proved],
    ["highlevel", "task_created", proved],
    ["highlevel", "search_conversations", proved],
  ])("of %s for %s", async (connector, trigger, expected) => {
    const world = await worlds[connector]!();
    onTestFinished(() => world[Symbol.asyncDispose]());
    const subscription = await world.subscribe(trigger);
    expect(await audited(world, subscription)).toEqual(expected);
    await world.poll(subscription);
    expect(await audited(world, subscription)).toEqual(expected);
  });
});

describe("an audit after a change", () => {
  it.each<[string, string, string, object]>([
    ["google-contacts", "contact_created", "create_contact", { givenName: "Ada" }],
    ["google-tasks", "task_created", "create_task", { title: "Call Ada" }],
    ["highlevel", "search_contacts", "create_contact", { firstName: "Audited", email: "audited@example.com" }],
  ])("of %s calls it pending, and the poll reports it: %s", async (connector, trigger, action, input) => {
    const world = await worlds[connector]!();
    onTestFinished(() => world[Symbol.asyncDispose]());
    const subscription = await world.subscribe(trigger);
    world.clock.advance(60_000);
    await world.run(action, input);
    expect(await audited(world, subscription)).toEqual({ ...proved, pending: 1 });
    expect(await world.poll(subscription)).toHaveLength(1);
    expect(await audited(world, subscription)).toEqual(proved);
  });
});

describe("an audit of a store that lost a row", () => {
  it.each<[string, string, string]>([
    // An increment may not show yet what the whole list has, however old the record says it is.
    ["google-contacts", "contact_created", "unsettled"],
    ["google-calendar", "event_created", "unsettled"],
    // It is within the overlap of the increments, so the next poll reports it.
    ["highlevel", "search_contacts", "pending"],
  ])("of %s names its key: %s", async (connector, trigger, kind) => {
    const world = await worlds[connector]!();
    onTestFinished(() => world[Symbol.asyncDispose]());
    const subscription = await world.subscribe(trigger);
    world.clock.advance(660_000);
    await world.poll(subscription);
    const { db, audits } = world.runtime;
    const { key } = (await db.get<{ key: string }>("select min(key) as key from known"))!;
    await db.run("delete from known where key = ?", [key]);
    const before = await audits.audit(subscription);
    expect(before).toMatchObject({ [kind]: { count: 1, keys: [key] }, extra: { count: 0 }, stale: { count: 0 } });
    expect(await world.poll(subscription)).toHaveLength(kind === "pending" ? 1 : 0);
  });
});
