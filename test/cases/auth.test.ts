import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Desk } from "./desk.ts";
import type { GoogleAccount } from "./google-accounts.ts";

/** A case whose steps are told in words: {@link SCENARIOS} has each in code. */
interface AuthCase {
  name: string;
  accounts?: Record<"ada" | "bob", Partial<GoogleAccount>>;
  variants?: { connector: string; before: string; after: string }[];
}

const cases = JSON.parse(readFileSync(join(import.meta.dirname, "polling/auth.cases.json"), "utf8")) as AuthCase[];

const ACCOUNTS = {
  ada: { name: "ada", label: "ada@x", contacts: ["a"] },
  bob: { name: "bob", label: "bob@x", contacts: ["z"] },
};

async function swap(given: AuthCase, connector: string, ...triggers: string[]): Promise<object> {
  await using desk = await Desk.open([connector]);
  desk.google({ ...ACCOUNTS.ada, ...given.accounts?.ada }, { ...ACCOUNTS.bob, ...given.accounts?.bob });
  const id = await desk.connect(connector, "ada");
  const subscriptions = await desk.subscribe(id, ...triggers);
  await desk.poll(subscriptions);
  const isTaken = await desk.reconnect(id, "bob");
  await desk.poll(subscriptions);
  return { isTaken, events: await desk.events() };
}

/** Two connections of which the first is removed; gives how many grants were given back. */
async function removeFirst(desk: Desk, first: string): Promise<number> {
  desk.revokes();
  await desk.runtime.accounts.remove(first);
  return desk.revokes();
}

const REFUSED = { isTaken: false, events: [] };

/** By name: what is wanted, and how to get it. */
const SCENARIOS: Record<string, [wanted: unknown, play: (given: AuthCase) => Promise<unknown>]> = {
  "account-swap-test-503": [REFUSED, (given) => swap(given, "google-contacts", "contact_created", "contact_deleted")],
  "account-swap-no-address": [REFUSED, (given) => swap(given, "google-contacts", "contact_created", "contact_deleted")],
  "account-swap-tasks-my-tasks": [REFUSED, (given) => swap(given, "google-tasks", "task_created")],
  "same-account-renamed-cannot-reconnect": [
    [true, true, true, true],
    async ({ variants = [] }) => {
      const taken: boolean[] = [];
      for (const { connector, before, after } of variants) {
        await using desk = await Desk.open([connector]);
        desk.google({ ...ACCOUNTS.ada, label: before });
        const id = await desk.connect(connector, "ada");
        desk.google({ ...ACCOUNTS.ada, label: after });
        taken.push(await desk.reconnect(id, "ada"));
      }
      return taken;
    },
  ],
  "remove-one-connector-kills-the-other": [
    "active",
    async () => {
      await using desk = await Desk.open(["google-contacts", "gmail"]);
      desk.google(ACCOUNTS.ada);
      const contacts = await desk.connect("google-contacts", "ada");
      const gmail = await desk.connect("gmail", "ada");
      const subscriptions = await desk.subscribe(gmail, "message_received");
      if ((await removeFirst(desk, contacts)) > 0) desk.end();
      await desk.poll(subscriptions);
      return desk.status(gmail);
    },
  ],
  "relabelled-connection-does-not-count": [
    0,
    async () => {
      await using desk = await Desk.open(["google-contacts"]);
      desk.google(ACCOUNTS.ada);
      const first = await desk.connect("google-contacts", "ada");
      await desk.runtime.accounts.update(await desk.connect("google-contacts", "ada"), { label: "Mine" });
      return removeFirst(desk, first);
    },
  ],
  "tasks-grant-never-given-back": [
    1,
    async () => {
      await using desk = await Desk.open(["google-tasks"]);
      desk.google({ ...ACCOUNTS.ada, label: "My Tasks" }, { ...ACCOUNTS.bob, label: "My Tasks" });
      const first = await desk.connect("google-tasks", "ada");
      await desk.connect("google-tasks", "bob");
      return removeFirst(desk, first);
    },
  ],
  "reconnect-without-refresh-token": [
    "active",
    async () => {
      await using desk = await Desk.open(["google-contacts"]);
      desk.google(ACCOUNTS.ada);
      const id = await desk.connect("google-contacts", "ada");
      const subscriptions = await desk.subscribe(id, "contact_created");
      await desk.reconnect(id, "ada", false);
      if ((await desk.runtime.accounts.get(id)).warnings.length > 0) return "active";
      desk.clock.advance(2 * 3_600_000);
      await desk.poll(subscriptions);
      return desk.status(id);
    },
  ],
};

describe.each(cases)("$name", (given) => {
  it("comes out as it should", async () => {
    const [wanted, play] = SCENARIOS[given.name]!;
    expect(await play(given)).toEqual(wanted);
  });
});
