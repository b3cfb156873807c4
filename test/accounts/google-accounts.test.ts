/** Accounts of the connectors that ship, at a simulated Google: who may reconnect, and what becomes of streams and syncs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { streamsOfConnection } from "../../runtime/model/streams.ts";
import { SESSION } from "../fixtures/browser.ts";
import { Desk } from "../cases/desk.ts";
import type { GoogleAccount } from "../cases/google-accounts.ts";

const ADA: GoogleAccount = { name: "ada", label: "ada@x", contacts: ["a", "b", "c", "d"] };
const BOB: GoogleAccount = { name: "bob", label: "bob@x", contacts: ["z"] };
const CONNECTORS = ["gmail", "google-calendar", "google-contacts", "google-tasks"];

describe.each(CONNECTORS)("%s", (connector) => {
  const { authentication } = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../connector", connector, "manifest.json"), "utf8"),
  );

  it("shares its OAuth client, and asks who it is by as little as it can", async () => {
    expect(authentication).toMatchObject({
      vendor: "google",
      scopes: { openid: expect.any(String) },
      account: { sub: "$token.claims#/sub" },
      grant: { sub: "$token.claims#/sub" },
    });
    await using desk = await Desk.open([connector]);
    desk.google(ADA);
    const asked = async (url: string) => Object.fromEntries(new URL(url).searchParams);
    const { authorizeUrl } = await desk.runtime.accounts.create({ connector, user: "u_1" }, {}, SESSION);
    const first = await asked(authorizeUrl!);
    expect(first).toMatchObject({ prompt: "consent select_account", include_granted_scopes: "false" });
    expect(first["scope"]!.split(" ")).toContain("openid");
    expect(first).not.toHaveProperty("login_hint");
    const again = await asked(
      (await desk.runtime.accounts.reconnect(await desk.connect(connector, "ada"), {}, {}, SESSION)).authorizeUrl,
    );
    expect(again["login_hint"]).toBe("ada@x");
  });

  it("gives no hint of an account whose name is no address", async () => {
    await using desk = await Desk.open([connector]);
    desk.google({ ...ADA, label: "My Tasks" });
    const id = await desk.connect(connector, "ada");
    const { authorizeUrl } = await desk.runtime.accounts.reconnect(id, {}, {}, SESSION);
    expect(new URL(authorizeUrl).searchParams.has("login_hint")).toBe(false);
  });

  it("takes its own account under any name, and another under none", async () => {
    await using desk = await Desk.open([connector]);
    desk.google(ADA, BOB);
    const id = await desk.connect(connector, "ada");
    desk.google({ ...ADA, label: "ada@new" }, { ...BOB, label: "ada@x" });
    expect(await desk.attempt(id, "bob")).toBe("account_mismatch");
    expect((await desk.runtime.accounts.get(id)).label).toBe("ada@x");
    expect(await desk.attempt(id, "ada")).toBe("active");
    expect(await desk.runtime.accounts.get(id)).toMatchObject({ label: "ada@new", account: { id: "sub-ada" } });
  });

  it("lives on when another connector of the same account goes, and the last takes the grant along", async () => {
    const other = connector === "gmail" ? "google-tasks" : "gmail";
    await using desk = await Desk.open([connector, other]);
    desk.google(ADA, BOB);
    const first = await desk.connect(connector, "ada");
    const second = await desk.connect(other, "ada");
    await desk.connect(other, "bob");
    expect(await desk.runtime.accounts.remove(first)).toEqual({ revoked: false });
    expect(desk.revokes()).toBe(0);
    expect(await desk.runtime.accounts.remove(second)).toEqual({ revoked: true });
  });
});

describe("a connection of the first version whose grant is gone", () => {
  const lost = async (desk: Desk, id: string) => {
    await desk.runtime.db.run("update connections set proofs = null, status = 'reauth_required' where id = ?", [id]);
    await desk.runtime.db.run("delete from connection_grants where connection = ?", [id]);
  };

  it("reconnects when its name and three of its records agree, and tells only what changed", async () => {
    await using desk = await Desk.open(["google-contacts"]);
    desk.google(ADA);
    const id = await desk.connect("google-contacts", "ada");
    const subscriptions = await desk.subscribe(id, "contact_created", "contact_deleted");
    await desk.poll(subscriptions);
    await lost(desk, id);
    expect(await desk.attempt(id, "ada")).toBe("active");
    await desk.poll(subscriptions);
    expect(await desk.events()).toEqual([]);
    expect((await desk.runtime.accounts.get(id)).account).toMatchObject({ id: "sub-ada" });
  });

  it.each([
    ["two of its four records", ["a", "b"], "account_unproved"],
    ["three of its four records", ["a", "b", "c", "y", "z"], "active"],
    ["none of them", ["x", "y", "z"], "account_unproved"],
    ["no records", [], "account_unproved"],
  ])("is asked for at least three known records: %s", async (_what, contacts, outcome) => {
    await using desk = await Desk.open(["google-contacts"]);
    desk.google(ADA);
    const id = await desk.connect("google-contacts", "ada");
    await desk.poll(await desk.subscribe(id, "contact_created"));
    await lost(desk, id);
    desk.google({ ...ADA, contacts });
    expect(await desk.attempt(id, "ada")).toBe(outcome);
  });

  it("with fewer than three known records is asked for all of them, and with none stays", async () => {
    await using desk = await Desk.open(["google-tasks"]);
    desk.google({ ...ADA, label: "My Tasks" }, { ...BOB, label: "My Tasks" });
    const id = await desk.connect("google-tasks", "ada");
    await lost(desk, id);
    expect(await desk.attempt(id, "ada")).toBe("account_unproved");
    expect(await desk.status(id)).toBe("reauth_required");
    await desk.runtime.db.run("update connections set status = 'active' where id = ?", [id]);
    await desk.poll(await desk.subscribe(id, "task_created"));
    await lost(desk, id);
    expect(await desk.attempt(id, "bob")).toBe("account_unproved");
    expect(await desk.attempt(id, "ada")).toBe("active");
  });
});

describe("a connection that is moved to another account", () => {
  it("reads everything of it silently, reports one gap to each subscription, and then its changes alone", async () => {
    await using desk = await Desk.open(["google-contacts"]);
    desk.google(ADA, BOB);
    const id = await desk.connect("google-contacts", "ada");
    const subscriptions = await desk.subscribe(id, "contact_created", "contact_deleted");
    await desk.poll(subscriptions);
    expect(await desk.attempt(id, "bob")).toBe("account_mismatch");
    expect(await desk.attempt(id, "bob", { account: "move" })).toBe("active");
    await desk.poll(subscriptions);
    expect(await desk.events()).toEqual([]);
    const { data: gaps } = await desk.runtime.events.list({ type: "stream.gap" });
    expect(gaps).toHaveLength(subscriptions.length);
    expect(new Set(gaps.map(({ subscription }) => subscription))).toEqual(new Set(subscriptions));
    for (const { data } of gaps) expect(data).toMatchObject({ reason: "account_moved" });
    const streams = await streamsOfConnection(desk.runtime.db, id);
    expect(streams).toHaveLength(1);
    expect((await desk.runtime.subscriptions.health(subscriptions[0]!)).state).toBe("active");
    desk.google(ADA, { ...BOB, contacts: ["z", "y"] });
    await desk.poll(subscriptions);
    expect(await desk.events()).toEqual(["contact.created people/y"]);
  });
});

describe("a first connection to a vendor that does not answer", () => {
  it("becomes active by itself once it does, and reads from then on", async () => {
    await using desk = await Desk.open(["google-contacts"]);
    desk.google({ ...ADA, peopleMe: { status: 503 } });
    const id = await desk.connect("google-contacts", "ada");
    expect(await desk.status(id)).toBe("pending");
    await desk.pass(60_000);
    expect(await desk.status(id)).toBe("pending");
    desk.google(ADA);
    await desk.pass(60_000);
    expect(await desk.status(id)).toBe("active");
    expect((await desk.runtime.accounts.get(id)).error).toBeNull();
  });
});
