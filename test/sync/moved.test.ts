/** Syncs of which a connection is moved to another account while they are at work. */
import { describe, expect, it } from "vitest";
import { createConnectionFollower } from "../../runtime/poll/follow.ts";
import { followConnection } from "../../runtime/sync/syncs.ts";
import { openBench, type Bench } from "./harness.ts";

const mail = (value: string) => [{ value }];

/** What a confirmed move of the left connection commits, in one transaction. */
async function moveLeft({ runtime, clock, connections, left }: Bench): Promise<void> {
  const change = {
    id: connections.left,
    connector: left.face.name,
    user: "u_1",
    status: "active",
    moved: true,
  } as const;
  const follow = createConnectionFollower(runtime);
  await runtime.db.transaction(async (tx) => {
    await tx.run("update connections set moves = coalesce(moves, 0) + 1, version = version + 1 where id = ?", [
      change.id,
    ]);
    await follow(tx, change);
    await followConnection(tx, { engine: runtime.engine, clock }, change);
  });
}

/** Moves the left connection with the next request of this kind, which is answered afterwards. */
function movedAt(bench: Bench, isMeant: (request: { method?: string; url?: string }) => boolean) {
  const seen = { moved: false };
  bench.left.before = (request, response) => {
    if (seen.moved || !isMeant(request)) return false;
    seen.moved = true;
    const id = request.url!.split("/")[2];
    const card = id === undefined ? undefined : bench.left.cards.get(id);
    const answer = card ? bench.left.face.toWire(card) : { people: [], token: "0" };
    void moveLeft(bench).then(() =>
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer)),
    );
    return true;
  };
  return seen;
}

describe("a sync whose connection is moved to another account", () => {
  it("while a change is carried over writes nothing into that account", async () => {
    await using bench = await openBench({
      before: (left) => left.add({ first: "Ada", emails: mail("ada@example.com") }),
    });
    const sync = await bench.sync();
    const [copy] = bench.right.cards.keys();
    const seen = movedAt(bench, ({ method, url }) => method === "GET" && url!.startsWith("/contacts/"));
    bench.right.edit(copy!, { first: "Augusta" });
    bench.clock.advance(1000);
    await bench.runtime.syncs.run(sync.id);
    await bench.settle(10_000);
    expect(seen.moved).toBe(true);
    expect(bench.left.writes).toEqual([]);
    expect(await bench.get(sync)).toMatchObject({ status: "paused", problem: { code: "account_moved" } });
  });

  it("while both sides are listed links nothing of the first account", async () => {
    await using bench = await openBench({
      before: (left, right) => {
        for (const side of [left, right]) side.add({ first: "Ada", emails: mail("ada@example.com") });
      },
    });
    const sync = await bench.runtime.syncs.create({ resource: "contact", ...bench.connections });
    let lists = 0;
    // The polls of its two sides have come first.
    const seen = movedAt(bench, ({ method, url }) => method === "GET" && !url!.includes("since=") && ++lists === 2);
    await bench.settle(10_000);
    expect(seen.moved).toBe(true);
    expect(await bench.get(sync)).toMatchObject({
      status: "paused",
      problem: { code: "account_moved" },
      links: { synced: 0 },
    });
    expect((await bench.runtime.syncs.links(sync.id)).data).toEqual([]);
  });
});
