import { describe, expect, it } from "vitest";
import { createConnectionFollower } from "../../runtime/poll/follow.ts";
import { followConnection } from "../../runtime/sync/syncs.ts";
import { temporaryFolder } from "../faults/scenes.ts";
import { openBench } from "./harness.ts";
import { flat, named, nested, type Face } from "./vendors.ts";

const mail = (...values: string[]) => values.map((value) => ({ value }));

describe("a two-way sync", () => {
  it("creates on either side what only the other has, and once", async () => {
    await using bench = await openBench({
      before: (left, right) => {
        left.add({ first: "Ada", emails: mail("ada@example.com"), note: "met in 1833" });
        right.add({ first: "Mary", emails: mail("mary@example.com") });
      },
    });
    const sync = await bench.sync();
    expect(bench.right.contents(({ first }) => first)).toEqual(['"Ada"', '"Mary"']);
    expect(bench.left.contents(({ first }) => first)).toEqual(['"Ada"', '"Mary"']);
    expect(sync).toMatchObject({ status: "active", pulled: 1, pushed: 1, links: { synced: 2, failed: 0 } });
    await bench.run(sync);
    expect(bench.writes()).toBe(2);
  });

  it("carries creations, changes and deletions over in both directions, and never echoes", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    const ada = bench.left.add({ first: "Ada", emails: mail("ada@example.com", "ada@work.example") });
    const mary = bench.right.add({ first: "Mary", emails: mail("mary@example.com") });
    await bench.run(sync);
    expect(bench.right.cards.size).toBe(2);
    expect(bench.writes()).toBe(2);

    bench.left.edit(ada, { last: "Lovelace" });
    bench.right.edit(mary, { phones: mail("+441234567890") });
    await bench.run(sync);
    expect(bench.writes()).toBe(4);
    expect(bench.right.contents(({ first, last }) => `${first} ${last}`)).toEqual(['"Ada Lovelace"', '"Mary "']);
    expect(bench.left.contents(({ phones }) => phones[0]?.value ?? "")).toEqual(['""', '"+441234567890"']);

    bench.left.remove(ada);
    bench.right.remove(mary);
    await bench.run(sync);
    expect([bench.left.cards.size, bench.right.cards.size]).toEqual([0, 0]);
    expect(bench.writes()).toBe(6);
    expect((await bench.get(sync)).links).toMatchObject({ synced: 0, alone: 0, failed: 0 });
  });

  it("takes nothing away that the other side cannot hold", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    const numbers = [{ value: "+44 20 7946 0000", type: "work" }, { value: "+44 7700 900000" }];
    const ada = bench.left.add({
      first: "Ada",
      emails: mail("a@example.com", "b@example.com"),
      phones: numbers,
      note: "n",
    });
    await bench.run(sync);
    const [copy] = bench.right.cards.keys();
    bench.right.edit(copy!, { emails: mail("new@example.com"), first: "Augusta" });
    await bench.run(sync);
    expect(bench.left.cards.get(ada)).toMatchObject({
      first: "Augusta",
      emails: mail("new@example.com", "b@example.com"),
      phones: numbers,
      note: "n",
    });
    bench.left.edit(ada, { note: "only here" });
    await bench.run(sync);
    expect(bench.writes()).toBe(2);
  });

  it("brings changes of both sides to different fields together", async () => {
    await using bench = await openBench({ right: rolo2 });
    const sync = await bench.sync();
    const ada = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    await bench.run(sync);
    const [copy] = bench.right.cards.keys();
    bench.left.edit(ada, { last: "Lovelace", emails: mail("ada@example.com", "left@example.com") });
    bench.right.edit(copy!, { note: "countess", emails: mail("ada@example.com", "right@example.com") });
    await bench.run(sync);
    expect(
      bench.left.contents(({ last, note, emails }) => ({
        last,
        note,
        emails: emails.map(({ value }) => value).sort(),
      })),
    ).toEqual(
      bench.right.contents(({ last, note, emails }) => ({
        last,
        note,
        emails: emails.map(({ value }) => value).sort(),
      })),
    );
    expect(bench.left.cards.get(ada)).toMatchObject({ last: "Lovelace", note: "countess" });
    expect(bench.left.cards.get(ada)!.emails).toHaveLength(3);
    expect((await bench.get(sync)).conflictCount).toBe(0);
  });
});

describe("conflicts", () => {
  const cases = [
    { conflicts: "left", last: "Left", winner: "left" },
    { conflicts: "right", last: "Right", winner: "right" },
    { conflicts: "newest", last: "Right", winner: "right" },
  ] as const;
  it.each(cases)("are won by the $conflicts, recorded and told", async ({ conflicts, last, winner }) => {
    await using bench = await openBench();
    const sync = await bench.sync({ conflicts });
    const ada = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    await bench.run(sync);
    const [copy] = bench.right.cards.keys();
    bench.left.edit(ada, { last: "Left" });
    bench.clock.advance(5000);
    bench.right.edit(copy!, { last: "Right" });
    await bench.run(sync);
    expect(bench.left.cards.get(ada)!.last).toBe(last);
    expect(bench.right.cards.get(copy!)!.last).toBe(last);
    const {
      data: [conflict],
    } = await bench.runtime.syncs.conflicts(sync.id);
    expect(conflict).toMatchObject({ winner, fields: [{ field: "lastName", left: "Left", right: "Right" }] });
    expect(bench.events).toMatchObject([
      {
        type: "sync.conflict",
        data: {
          sync: sync.id,
          user: "u_1",
          reason: `Both sides changed lastName; the ${winner} one was kept. What either had is in the sync's conflicts.`,
        },
      },
    ]);
    expect((await bench.get(sync)).conflictCount).toBe(1);
    expect(bench.writes()).toBe(2);
  });

  it("are none when both sides came to the same", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    const ada = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    await bench.run(sync);
    bench.left.edit(ada, { last: "Lovelace" });
    bench.right.edit([...bench.right.cards.keys()][0]!, { last: "lovelace " });
    await bench.run(sync);
    expect(bench.writes()).toBe(1);
    expect(bench.events).toEqual([]);
  });

  it.each([
    { conflicts: "newest", left: 1, right: 1 },
    { conflicts: "left", left: 0, right: 0 },
    { conflicts: "right", left: 1, right: 1 },
  ] as const)("between a deletion on the left and a change on the right end as $conflicts says", async (expected) => {
    await using bench = await openBench();
    const sync = await bench.sync({ conflicts: expected.conflicts });
    const ada = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    await bench.run(sync);
    bench.left.remove(ada);
    bench.right.edit([...bench.right.cards.keys()][0]!, { last: "Right" });
    await bench.run(sync);
    expect({ left: bench.left.cards.size, right: bench.right.cards.size }).toEqual({
      left: expected.left,
      right: expected.right,
    });
    expect((await bench.runtime.syncs.conflicts(sync.id)).data).toMatchObject([
      {
        fields: [{ field: "lastName", left: null, right: "Right" }],
        winner: expected.conflicts === "left" ? "left" : "right",
      },
    ]);
  });
});

describe("a sync of one direction", () => {
  it.each(["left-to-right", "right-to-left"] as const)("%s writes to its target alone", async (direction) => {
    await using bench = await openBench({ right: rolo2 });
    const [source, target] = direction === "left-to-right" ? [bench.left, bench.right] : [bench.right, bench.left];
    const sync = await bench.sync({ direction });
    const ada = source.add({ first: "Ada", emails: mail("ada@example.com") });
    const own = target.add({ first: "Own", emails: mail("own@example.com") });
    await bench.run(sync);
    expect(target.contents(({ first }) => first)).toEqual(['"Ada"', '"Own"']);
    const copy = [...target.cards.keys()].find((id) => id !== own)!;

    target.edit(copy, { note: "the target's", last: "Target" });
    await bench.run(sync);
    source.edit(ada, { last: "Source", emails: mail("ada@example.com", "more@example.com") });
    await bench.run(sync);
    expect(target.cards.get(copy)).toMatchObject({ note: "the target's", last: "Source", emails: { length: 2 } });

    target.remove(copy);
    await bench.run(sync);
    expect(target.cards.size).toBe(1);
    source.edit(ada, { last: "Again" });
    await bench.run(sync);
    expect(target.contents(({ last }) => last)).toEqual(['""', '"Again"']);
    source.remove(ada);
    await bench.run(sync);
    expect(target.contents(({ first }) => first)).toEqual(['"Own"']);
    expect(source.writes).toEqual([]);
    expect(source.cards.size).toBe(0);
    expect(bench.events).toEqual([]);
  });
});

describe("deletions that are ignored", () => {
  it("leave the other half, and do not bring it back", async () => {
    await using bench = await openBench();
    const sync = await bench.sync({ deletes: "ignore" });
    const ada = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    await bench.run(sync);
    bench.left.remove(ada);
    await bench.run(sync);
    bench.right.edit([...bench.right.cards.keys()][0]!, { last: "Lovelace" });
    await bench.run(sync);
    expect([bench.left.cards.size, bench.right.cards.size]).toEqual([0, 1]);
    expect((await bench.get(sync)).links).toMatchObject({ detached: 1, synced: 0 });
  });
});

describe("the first comparison", () => {
  const furnish = async () =>
    openBench({
      before: (left, right) => {
        left.pageSize = 2;
        right.pageSize = 2;
        left.add({ first: "Ada", last: "Lovelace", emails: mail("ADA@Example.com", "second@example.com") });
        right.add({ first: "Ada", last: "Lovelace", emails: mail("second@example.com") });
        left.add({ first: "Phone", phones: [{ value: "020 7946 0000" }] });
        right.add({ first: "Phone", phones: [{ value: "+442079460000" }] });
        left.add({ first: "Grace", last: "Hopper" });
        right.add({ first: "grace", last: "HOPPER", emails: mail("grace@example.com") });
        left.add({ first: "John", last: "Smith", emails: mail("john1@example.com") });
        right.add({ first: "John", last: "Smith", emails: mail("john2@example.com") });
        left.add({ note: "nothing to go by" });
        left.add({ first: "Mary", last: "Somerville", emails: mail("mary@example.com") });
        right.add({ first: "Mary", last: "Fairfax", emails: mail("mary@example.com") });
      },
    });

  it("says in a dry run what it would do, and does nothing", async () => {
    await using bench = await furnish();
    const answer = await bench.runtime.syncs.preview({ resource: "contact", ...bench.connections });
    expect(answer).toEqual({
      link: 4,
      create: { left: 1, right: 2 },
      update: { left: 1, right: 1 },
      conflicts: 1,
      alone: { left: 0, right: 0 },
    });
    expect(bench.writes()).toBe(0);
    expect(await bench.runtime.syncs.list()).toEqual({ data: [], nextCursor: null });
    const oneWay = { resource: "contact", ...bench.connections, direction: "left-to-right" } as const;
    expect(await bench.runtime.syncs.preview(oneWay)).toMatchObject({
      create: { left: 0, right: 2 },
      conflicts: 0,
      alone: { left: 0, right: 1 },
    });
  });

  it("does what the dry run said, and makes no duplicates", async () => {
    await using bench = await furnish();
    const sync = await bench.sync({ conflicts: "left" });
    expect(sync).toMatchObject({ pulled: 2, pushed: 3, conflictCount: 1, links: { synced: 7, failed: 0, alone: 0 } });
    expect([bench.left.cards.size, bench.right.cards.size]).toEqual([7, 7]);
    expect(bench.right.contents(({ last }) => last)).toContain('"Somerville"');
    await bench.run(sync);
    expect(bench.writes()).toBe(5);
  });
});

describe("the fields of a sync", () => {
  it("can be left out, and filled by templates of its own", async () => {
    await using bench = await openBench({ right: rolo2 });
    const sync = await bench.sync({
      fields: {
        exclude: ["phones"],
        map: { left: { nickname: { $expr: "record.about" } } },
        input: { right: { about: "$resource.nickname" } },
      },
    });
    bench.left.add({ first: "Ada", phones: [{ value: "+4411111111" }], note: "Countess" });
    await bench.run(sync);
    expect([...bench.right.cards.values()]).toMatchObject([{ first: "Ada", phones: [], note: "Countess" }]);
  });

  it("are refused where they are wrong, with every place", async () => {
    await using bench = await openBench();
    const fields = { include: ["emails"], exclude: ["phones"], map: { left: { notes: "$nope.x" } } };
    await expect(
      bench.runtime.syncs.create({ resource: "contact", ...bench.connections, right: bench.connections.left, fields }),
    ).rejects.toMatchObject({
      code: "invalid_input",
      faults: [
        { pointer: "/right", message: "is the left connection too; choose another" },
        {
          pointer: "/fields/map/left/notes",
          message: 'expression "$nope.x": unknown root "$nope". Allowed here: $resource, $record',
        },
        { pointer: "/fields/exclude", message: "choose include or exclude, not both" },
      ],
    });
    await expect(bench.runtime.syncs.create({ resource: "contacts", ...bench.connections })).rejects.toMatchObject({
      code: "invalid_input",
      message: 'sync/resource: rolo: Resource "contacts" does not exist; did you mean "contact"? (and 1 more)',
    });
  });
});

describe("a sync that rests", () => {
  it("notes what changes while it is paused, and brings it over when it goes on", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    const ada = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    await bench.run(sync);
    await bench.runtime.syncs.pause(sync.id);
    bench.left.edit(ada, { last: "Lovelace" });
    bench.right.add({ first: "New", emails: mail("new@example.com") });
    bench.clock.advance(600_000);
    await bench.settle();
    expect(bench.writes()).toBe(1);
    await expect(bench.runtime.syncs.run(sync.id)).rejects.toMatchObject({
      code: "conflict",
      message: `Sync ${sync.id} is paused; resume it first`,
    });
    await bench.runtime.syncs.resume(sync.id);
    await bench.settle();
    expect(bench.writes()).toBe(3);
    expect(bench.left.contents(({ first }) => first)).toEqual(['"Ada"', '"New"']);
    expect(bench.right.contents(({ last }) => last)).toEqual(['""', '"Lovelace"']);
  });

  it("is one whose connection is gone, visibly", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    await bench.runtime.accounts.remove(bench.connections.right);
    expect(await bench.get(sync)).toMatchObject({
      enabled: false,
      status: "paused",
      problem: { code: "not_found", message: `connection ${bench.connections.right} was removed; make a new sync` },
      left: { authorized: true },
      right: { authorized: false, connector: null },
    });
    await expect(bench.runtime.syncs.resume(sync.id)).rejects.toMatchObject({
      code: "conflict",
      message: `Sync ${sync.id} cannot continue: connection ${bench.connections.right} was removed; make a new sync`,
    });
  });

  it("goes on resting after a reconnect when a person has paused it", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    const { db, engine, syncs } = bench.runtime;
    const turn = (status: "active" | "reauth_required") =>
      db.transaction(async (tx) => {
        const id = bench.connections.right;
        await tx.run("update connections set status = ? where id = ?", [status, id]);
        await followConnection(
          tx,
          { engine, clock: bench.clock },
          {
            id,
            connector: "crm",
            user: "u_1",
            status,
          },
        );
      });
    await turn("reauth_required");
    expect(await bench.get(sync)).toMatchObject({ status: "paused", problem: { code: "reauth_required" } });
    await syncs.pause(sync.id);
    await expect(syncs.resume(sync.id)).rejects.toMatchObject({
      code: "conflict",
      message: `Sync ${sync.id} cannot continue: the grant of connection ${bench.connections.right} is gone; reconnect it`,
    });
    await turn("active");
    expect(await bench.get(sync)).toMatchObject({ status: "paused", problem: null });
    await syncs.resume(sync.id);
    expect(await bench.get(sync)).toMatchObject({ status: "active", problem: null });
  });

  it("whose connection was moved to another account writes nothing until a person resumes it, and compares anew then", async () => {
    await using bench = await openBench({
      before: (left) => left.add({ first: "Ada", emails: mail("ada@example.com") }),
    });
    const sync = await bench.sync();
    const { runtime, clock, connections } = bench;
    const [ada] = bench.left.cards.keys();
    bench.left.remove(ada!);
    bench.left.add({ first: "Zoe", emails: mail("zoe@example.com") });
    const change = { id: connections.left, connector: bench.left.face.name, user: "u_1", status: "active" } as const;
    const follow = createConnectionFollower(runtime);
    const turn = (moved?: true) =>
      runtime.db.transaction(async (tx) => {
        await follow(tx, { ...change, ...(moved && { moved }) });
        await followConnection(tx, { engine: runtime.engine, clock }, { ...change, ...(moved && { moved }) });
      });
    await turn(true);
    await turn();
    await bench.settle(10_000);
    expect(await bench.get(sync)).toMatchObject({
      status: "paused",
      problem: { code: "account_moved", connection: connections.left },
      links: { synced: 0 },
    });
    expect(bench.right.contents(({ first }) => first)).toEqual(['"Ada"']);
    await runtime.syncs.resume(sync.id);
    await bench.settle(10_000);
    expect(await bench.get(sync)).toMatchObject({ status: "active", problem: null, links: { synced: 2 } });
    for (const side of [bench.left, bench.right])
      expect(side.contents(({ first }) => first)).toEqual(['"Ada"', '"Zoe"']);
  });

  it("waits while a process has not loaded the connector of a side", async () => {
    await using bench = await openBench({ store: `sqlite:${temporaryFolder()}/hookline.db` });
    const sync = await bench.sync();
    await bench.restart("right");
    bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    await bench.run(sync);
    expect(bench.right.cards.size).toBe(0);
    await bench.restart();
    await bench.settle(62_000);
    expect(bench.right.contents(({ first }) => first)).toEqual(['"Ada"']);
  });

  it("writes no more in a minute than it may", async () => {
    await using bench = await openBench();
    const sync = await bench.sync({ writesPerMinute: 3 });
    for (let i = 0; i < 8; i++) bench.left.add({ first: `P${i}`, emails: mail(`p${i}@example.com`) });
    await bench.run(sync);
    expect(bench.writes()).toBe(3);
    bench.clock.advance(60_000);
    await bench.settle();
    expect(bench.writes()).toBe(6);
    bench.clock.advance(60_000);
    await bench.settle();
    expect(bench.writes()).toBe(8);
  });
});

describe("a write whose answer is lost", () => {
  it("is looked for and not made again", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    bench.left.add({ note: "nothing to go by", first: "", phones: [{ value: "1" }] });
    let lost = 0;
    bench.right.after = ({ method, socket }) => {
      if (method !== "POST" || lost === 2) return false;
      lost++;
      socket.destroy();
      return true;
    };
    bench.clock.advance(1000);
    await bench.runtime.syncs.run(sync.id);
    await bench.settle(20_000);
    expect(lost).toBe(2);
    expect(bench.right.writes).toEqual(["POST crm1", "POST crm2"]);
    expect(bench.left.writes).toEqual([]);
    expect((await bench.get(sync)).links).toMatchObject({ synced: 2, creating: 0 });
  });

  it("holds back what could be the same record, and nothing else", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    const emails = mail("ada@example.com");
    bench.left.add({ first: "Ada", emails });
    bench.left.add({ first: "Augusta", emails });
    bench.left.add({ first: "Mary", emails: mail("mary@example.com") });
    bench.right.before = ({ method }, response, body) => {
      if (method !== "POST" || !body.includes("Ada")) return false;
      response.writeHead(500).end();
      return true;
    };
    await bench.run(sync);
    await bench.settle(10_000);
    expect(bench.right.contents(({ first }) => first)).toEqual(['"Mary"']);
    expect((await bench.get(sync)).links).toMatchObject({ synced: 1, creating: 1, new: 1 });
    bench.right.before = () => false;
    await bench.settle(60_000);
    expect(bench.right.contents(({ first }) => first)).toEqual(['"Ada"', '"Augusta"', '"Mary"']);
  });

  it("that the vendor refuses stands in its link, and is tried again on demand", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    bench.right.before = ({ method }, response) => {
      if (method !== "POST") return false;
      response.writeHead(422, { "content-type": "application/json" }).end('{"message":"no more room"}');
      return true;
    };
    await bench.run(sync);
    const {
      data: [link],
    } = await bench.runtime.syncs.links(sync.id, { state: "failed" });
    expect(link).toMatchObject({
      state: "new",
      error: {
        code: "vendor_error",
        message: "crm /contacts: the vendor answered 422: no more room; correct the input",
      },
    });
    bench.right.before = () => false;
    await bench.run(sync);
    expect(bench.right.contents(({ first }) => first)).toEqual(['"Ada"']);
    expect((await bench.get(sync)).links).toMatchObject({ synced: 1, failed: 0 });
  });
});

describe("what happens between reading and writing", () => {
  it("is a change that a person makes at that moment, and is noticed", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    const ada = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    await bench.run(sync);
    const [copy] = bench.right.cards.keys();
    bench.left.edit(ada, { last: "Lovelace" });
    bench.right.before = ({ method }) => {
      if (method !== "PATCH") return;
      bench.right.before = () => false;
      bench.right.edit(copy!, { phones: mail("+441234567890") });
    };
    await bench.run(sync);
    expect(bench.right.cards.get(copy!)).toMatchObject({ last: "Lovelace", phones: mail("+441234567890") });
    expect(bench.left.cards.get(ada)).toMatchObject({ last: "Lovelace", phones: mail("+441234567890") });
    expect(bench.writes()).toBe(3);
  });

  it("is never that something unreadable counts as deleted", async () => {
    await using bench = await openBench();
    const sync = await bench.sync();
    const ada = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    await bench.run(sync);
    bench.right.before = ({ method, url }, response) => {
      if (method !== "GET" || url !== "/contacts/crm1") return false;
      response.writeHead(200, { "content-type": "application/json" }).end('{"maintenance":true}');
      return true;
    };
    bench.left.edit(ada, { last: "Lovelace" });
    await bench.run(sync);
    expect([bench.left.cards.size, bench.right.cards.size]).toEqual([1, 1]);
    const {
      data: [link],
    } = await bench.runtime.syncs.links(sync.id, { state: "failed" });
    expect(link!.error).toMatchObject({
      code: "vendor_error",
      message: "crm: the record that was read as crm1 has no id; correct the manifest",
    });
  });
});

describe("a vendor that can neither be asked for one contact nor searched", () => {
  it("is kept alike all the same, by what its stream tells", async () => {
    await using bench = await openBench({ right: bareOf(flat) });
    const sync = await bench.sync();
    const ada = bench.left.add({ first: "Ada", emails: mail("ada@example.com", "two@example.com"), note: "n" });
    await bench.run(sync);
    const [copy] = bench.right.cards.keys();
    // Each request takes its time: a list that was read before a write is told from one that was read after it.
    bench.left.before = bench.right.before = () => bench.clock.advance(1);
    bench.left.edit(ada, { last: "Lovelace" });
    bench.right.edit(copy!, { phones: mail("+441234567890") });
    await bench.run(sync);
    expect(bench.left.cards.get(ada)).toMatchObject({ last: "Lovelace", phones: mail("+441234567890"), note: "n" });
    expect(bench.right.cards.get(copy!)).toMatchObject({ last: "Lovelace", phones: mail("+441234567890") });
    expect(bench.left.cards.get(ada)!.emails).toHaveLength(2);
    bench.right.remove(copy!);
    await bench.run(sync);
    // Nothing is left: that is read a second time before it is believed.
    bench.clock.advance(60_000);
    await bench.settle();
    await bench.run(sync);
    expect([bench.left.cards.size, bench.right.cards.size]).toEqual([0, 0]);
    expect(bench.writes()).toBe(4);
  });
});

describe("a contact that its vendor gives another id", () => {
  it("stays linked, and one merged into it is gone on the other side too", async () => {
    await using bench = await openBench({ right: rolo2 });
    const sync = await bench.sync();
    const one = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    const two = bench.left.add({ first: "Augusta", emails: mail("augusta@example.com") });
    await bench.run(sync);
    bench.left.merge("merged1", { emails: mail("ada@example.com", "augusta@example.com") }, [one, two]);
    await bench.run(sync);
    expect([...bench.right.cards.values()]).toMatchObject([{ first: "Ada", emails: { length: 2 } }]);
    expect(bench.left.cards.size).toBe(1);
    expect((await bench.runtime.syncs.links(sync.id)).data.map(({ leftId }) => leftId)).toEqual(["merged1"]);
  });
});

const rolo2 = named(nested, "rolo2");

/** A vendor that can neither be asked for one contact nor searched. */
function bareOf(face: Face): Face {
  const { get_contact: _get, find_contact: _find, ...actions } = face.manifest.actions;
  const { find: _by, ...resource } = face.manifest.resources.contact;
  return { ...face, manifest: { ...face.manifest, actions, resources: { contact: resource } } };
}

describe.each([
  ["can be asked", nested],
  ["cannot be asked", bareOf(nested)],
])("a contact that is merged into another, where the vendor %s", (_, left) => {
  it("leaves its counterpart to the survivor, when that has none", async () => {
    const { create_contact: _create, ...actions } = rolo2.manifest.actions;
    const { create: _by, ...resource } = rolo2.manifest.resources.contact;
    const right = { ...rolo2, manifest: { ...rolo2.manifest, actions, resources: { contact: resource } } };
    await using bench = await openBench({ left, right });
    const alone = bench.left.add({ first: "Augusta", emails: mail("augusta@example.com") });
    const paired = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    const counterpart = bench.right.add({ first: "Ada", emails: mail("ada@example.com"), note: "kept" });
    const sync = await bench.sync();
    bench.left.before = bench.right.before = () => bench.clock.advance(1);
    bench.left.merge(alone, { first: "Ada", emails: mail("augusta@example.com", "ada@example.com") }, [paired]);
    await bench.run(sync);
    await bench.run(sync);
    expect([...bench.right.cards.keys()]).toEqual([counterpart]);
    expect([...bench.left.cards.keys()]).toEqual([alone]);
    const { data: links } = await bench.runtime.syncs.links(sync.id);
    expect(links).toMatchObject([{ leftId: alone, rightId: counterpart, state: "synced" }]);
    bench.left.edit(alone, { last: "Lovelace" });
    await bench.run(sync);
    expect(bench.right.cards.get(counterpart)).toMatchObject({ last: "Lovelace", emails: { length: 2 }, note: "kept" });
  });

  it("takes its counterpart along, when the survivor has one", async () => {
    await using bench = await openBench({ left, right: rolo2 });
    const sync = await bench.sync();
    const one = bench.left.add({ first: "Ada", emails: mail("ada@example.com") });
    const two = bench.left.add({ first: "Augusta", emails: mail("augusta@example.com") });
    await bench.run(sync);
    bench.left.before = bench.right.before = () => bench.clock.advance(1);
    bench.left.merge(one, { first: "Ada", emails: mail("ada@example.com", "augusta@example.com") }, [two]);
    await bench.run(sync);
    await bench.run(sync);
    expect([...bench.right.cards.values()]).toMatchObject([{ first: "Ada", emails: { length: 2 } }]);
    expect((await bench.runtime.syncs.links(sync.id)).data.map(({ leftId }) => leftId)).toEqual([one]);
  });
});
