import { describe, expect, it } from "vitest";
import { Random } from "../../runtime/sandbox/random.ts";
import { GoogleScene } from "./google-scene.ts";

const named = (givenName: string) => ({ names: [{ givenName }] });

/** One contact created, one changed and one deleted; what has to be told of them. */
function change({ people }: GoogleScene, name: string): string[] {
  const [changed, deleted] = [...people.contacts.live()];
  people.changeContact(changed!.id, { fields: named(name) });
  people.deleteContact(deleted!.id);
  const { id } = people.createContact(named(name));
  return [
    `contact.created people/c${id}`,
    `contact.deleted people/c${deleted!.id}`,
    `contact.updated people/c${changed!.id}`,
  ];
}

describe("a sync token that has expired", () => {
  it.each([400, 410])("answered with %i loses no change, deletions included, and tells none twice", async (status) => {
    const scene = await GoogleScene.open();
    scene.sandbox.google.settings.expiredSyncTokenStatus = status as 400;
    const expected = change(scene, "Meanwhile");
    scene.sandbox.google.expireSyncTokens();
    await scene.minute();
    expect(await scene.taken()).toEqual(expected);
    await scene.minute();
    expect(await scene.taken()).toEqual([]);
  });

  it("keeps to the true set of changes while it expires again and again under edits", async () => {
    const scene = await GoogleScene.open({ contacts: 60 });
    const random = new Random(7, "expiry");
    const known = new Set([...scene.people.contacts.live()].map(({ id }) => id));
    for (let round = 0; round < 6; round++) {
      const created = Array.from({ length: 3 }, (_, i) => scene.people.createContact(named(`New ${round}.${i}`)).id);
      const deleted = [...known].filter(() => random.chance(0.1));
      for (const id of deleted) scene.people.deleteContact(id);
      const changed = [...known].filter((id) => !deleted.includes(id) && random.chance(0.2));
      for (const id of changed) scene.people.changeContact(id, { fields: named(`Round ${round}`) });
      if (round % 2 === 0) scene.sandbox.google.expireSyncTokens();
      await scene.minute();
      const told = { created, deleted, updated: changed };
      const expected = Object.entries(told).flatMap(([kind, ids]) => ids.map((id) => `contact.${kind} people/c${id}`));
      expect(await scene.taken()).toEqual(expected.sort());
      for (const id of created) known.add(id);
      for (const id of deleted) known.delete(id);
    }
  });
});

describe("a grant that is gone", () => {
  it("pauses polling with one event, asks the vendor for nothing more, and tells everything after the reconnect", async () => {
    const scene = await GoogleScene.open();
    scene.sandbox.google.oauth.revokeAccount(scene.sandbox.google.account().email);
    const expected = change(scene, "While away");
    await scene.minute();
    expect(await scene.taken()).toEqual(["connection.reauth_required"]);
    expect((await scene.runtime.accounts.get(scene.connection)).status).toBe("reauth_required");
    expect((await scene.stream()).nextPollAt).toBeNull();

    scene.sandbox.requests.reset();
    for (let i = 0; i < 5; i++) await scene.minute();
    expect(scene.sandbox.requests.toJSON()).toEqual({});
    expect(await scene.taken()).toEqual([]);

    await scene.reconnect();
    expect(await scene.taken()).toEqual(["connection.active", ...expected]);
  });
});

describe("an access token that lasts a minute", () => {
  it("is renewed once at a time, however much work finds it expired", async () => {
    const scene = await GoogleScene.open({ accessTokenSeconds: 60 });
    const { runtime, sandbox, connection } = scene;
    for (let round = 0; round < 3; round++) {
      const expected = change(scene, `Round ${round}`);
      scene.clock.advance(61_000);
      sandbox.requests.reset();
      const actions = Array.from({ length: 10 }, () => runtime.actions.run(connection, "list_groups", {}));
      await Promise.all([...actions, scene.settle()]);
      expect(sandbox.requests.get("oauth.token")).toBe(1);
      expect(await scene.taken()).toEqual(expected);
    }
  });
});

describe("a vendor that limits, fails and lags", () => {
  it("loses nothing in a storm of 429: the cursor stays, no failure is counted", async () => {
    const scene = await GoogleScene.open();
    const { cursor } = await scene.stream();
    const expected = change(scene, "In the storm");
    scene.sandbox.faults.add({ kind: "rate-limit", match: "people.people.connections.list", retryAfter: 60, times: 0 });
    for (let i = 0; i < 4; i++) {
      await scene.minute();
      expect(await scene.stream()).toMatchObject({ cursor, consecutiveErrors: 0 });
    }
    expect(scene.listed).toBeGreaterThanOrEqual(4);
    expect(await scene.taken()).toEqual([]);
    scene.sandbox.faults.clear();
    // Pauses have grown meanwhile.
    for (let i = 0; i < 10; i++) await scene.minute();
    expect((await scene.taken()).filter((event) => event.startsWith("contact."))).toEqual(expected);
  });

  it.each(["truncate", "reset"] as const)("reads again what an answer cut off (%s) has not told", async (kind) => {
    const scene = await GoogleScene.open();
    const expected = change(scene, "Cut off");
    scene.sandbox.faults.add({ kind, match: "people.people.connections.list", times: 1 });
    await scene.minute();
    await scene.minute();
    expect(await scene.taken()).toEqual(expected);
  });

  it("tells a change once it can be seen, when writes take minutes to show", async () => {
    const scene = await GoogleScene.open({ propagationDelayMs: 150_000 });
    const expected = change(scene, "Late");
    await scene.minute();
    expect(await scene.taken()).toEqual([]);
    await scene.minute();
    await scene.minute();
    expect(await scene.taken()).toEqual(expected);
  });
});
