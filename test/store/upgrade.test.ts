/**
 * Stores that earlier versions have written: what they hold, what waited in them, and what they know of vendors is there
 * for this version. See test/fixtures/stores/make.ts for what is in them.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import pg from "pg";
import { Webhook } from "standardwebhooks";
import { describe, expect, it, onTestFinished } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import type { RuntimeOptions } from "../../runtime/index.ts";
import { temporaryFolder } from "../faults/scenes.ts";
import type { FixtureFacts } from "../fixtures/stores/facts.ts";
import { openService } from "../fixtures/stores/service.ts";
import { FixtureReceiver, FixtureVendor } from "../fixtures/stores/vendor.ts";
import { eventually } from "../fixtures/wait.ts";
import { createTestDatabase } from "../postgres.ts";

const FOLDER = join(import.meta.dirname, "../fixtures/stores");

const fixtures = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) => (["sqlite", "postgres"] as const).map((kind) => ({ version: name, kind })));

type Fixture = (typeof fixtures)[number];

const unpacked = ({ version }: Fixture, name: string): Buffer => gunzipSync(readFileSync(join(FOLDER, version, name)));

/** A copy of a stored fixture; its location. */
async function copyOf(fixture: Fixture): Promise<string> {
  if (fixture.kind === "sqlite") {
    const file = join(temporaryFolder(), "hookline.db");
    writeFileSync(file, unpacked(fixture, "sqlite.db.gz"));
    return `sqlite:${file}`;
  }
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(unpacked(fixture, "postgres.sql.gz").toString());
  await client.end();
  return url;
}

/** The service of a fixture as it goes on with this version, between the vendor and the receiver it knew. */
async function reopen(
  fixture: Fixture,
  change: (vendor: FixtureVendor) => void = () => {},
  options: RuntimeOptions = {},
) {
  const facts = JSON.parse(readFileSync(join(FOLDER, fixture.version, `${fixture.kind}.json`), "utf8")) as FixtureFacts;
  const before = facts.vendor.writes.length;
  const vendor = await new FixtureVendor(facts.vendor).start();
  const receiver = await new FixtureReceiver().start();
  change(vendor);
  const service = await openService(await copyOf(fixture), vendor, options);
  const consumed: string[] = [];
  service.runtime.on("order.created", ({ id }) => void consumed.push(id), { name: facts.consumer });
  onTestFinished(async () => {
    await service.stop();
    await Promise.all([vendor.stop(), receiver.stop()]);
  });
  // It listens at another port than it did.
  for (const [path, { id }] of Object.entries(facts.endpoints)) {
    await service.runtime.endpoints.update(id, { url: receiver.url + path });
  }
  await service.runtime.start();
  return {
    ...service,
    facts,
    vendor,
    receiver,
    consumed,
    /** What was written at the vendor since. */
    writes: () => vendor.state.writes.slice(before).toSorted(),
    /** The events that deliveries in a state were of, by the path of their endpoint; those of the consumer under "". */
    eventsOf: (status: string, path: string): string[] =>
      facts.deliveries
        .filter((one) => one.status === status && pathOf(facts, one.endpoint) === path)
        .map(({ event }) => event)
        .toSorted(),
    settled: () =>
      eventually(async () => (await service.all("/v1/deliveries?status=pending")).length === 0, "all is delivered"),
  };
}

const pathOf = ({ endpoints }: FixtureFacts, endpoint: string): string =>
  Object.entries(endpoints).find(([, { id }]) => id === endpoint)?.[0] ?? "";

describe.each(fixtures)("a $kind store of version $version", (fixture) => {
  it("shows everything it had, in lists and one by one", async () => {
    const { facts, all, must } = await reopen(fixture);
    for (const [path, ids] of Object.entries(facts.nouns)) {
      expect(ids.length).toBeGreaterThan(0);
      const listed = new Set((await all(path)).map(({ id }) => id as string));
      expect([path, ids.filter((id) => !listed.has(id))]).toEqual([path, []]);
      for (const id of ids) expect((await must("GET", `${path}/${id}`)).id).toBe(id);
    }
    const { sync, connections, subscriptions, endpoints, batches } = facts;
    const idsAt = async (path: string) => (await all(path)).map(({ id }) => id as string);
    expect(await idsAt(`/v1/syncs/${sync}/links`)).toEqual(expect.arrayContaining(facts.links));
    expect(await idsAt(`/v1/syncs/${sync}/conflicts`)).toEqual(expect.arrayContaining(facts.conflicts));
    expect(await must("GET", `/v1/batches/${batches.done}`)).toMatchObject({ status: "done", total: 2 });
    expect(await must("GET", `/v1/connections/${connections.shop}`)).toMatchObject({ user: "u_1", status: "active" });
    expect(await must("GET", `/v1/subscriptions/${subscriptions.paused}`)).toMatchObject({
      connection: connections.other,
      trigger: "order_created",
      where: "resource.total > `5`",
      status: "paused",
    });
    expect(await must("GET", `/v1/endpoints/${endpoints["/gone"]!.id}`)).toMatchObject({ status: "disabled" });
    expect(await must("GET", `/v1/endpoints/${endpoints["/ordered"]!.id}`)).toMatchObject({ ordered: true });
    for (const [run, status] of ["succeeded", "failed", "cancelled"].map((state) => [facts.runs[state]!, state])) {
      expect((await must("GET", `/v1/runs/${run}`)).status).toBe(status);
    }
    const templates = (await must("GET", "/v1/flow-templates")).data.map(({ id }: { id: string }) => id);
    expect(templates).toContain("label-template");
    expect(await must("GET", `/v1/flows/${facts.flows.instance}`)).toMatchObject({
      template: { template: "label-template", setup: { prefix: "kept" } },
    });
  });

  it("finishes the batch, the runs and the sync it was stopped in, and does nothing twice", async () => {
    const { facts, must, writes, vendor } = await reopen(fixture);
    const finished = async (path: string, status: string): Promise<void> =>
      void (await eventually(async () => (await must("GET", path)).status === status, `${path} is ${status}`));
    await finished(`/v1/batches/${facts.batches.half}`, "done");
    expect(await must("GET", `/v1/batches/${facts.batches.half}`)).toMatchObject({ counts: { succeeded: 10 } });
    for (const state of ["queued", "running", "waiting"]) await finished(`/v1/runs/${facts.runs[state]}`, "succeeded");
    await eventually(
      async () => (await must("GET", `/v1/syncs/${facts.sync}`)).links.synced === facts.links.length + 1,
      "what was new on one side is on both",
    );
    const shown = (side: string): unknown[] =>
      Object.values(vendor.list(side).records)
        .map(({ first, last, mail }) => JSON.stringify({ first, last, mail }))
        .toSorted();
    await eventually(() => JSON.stringify(shown("rolo")) === JSON.stringify(shown("crm")), "both sides are equal");
    expect(shown("crm")).toHaveLength(4);
    const labels = [4, 5, 6, 7, 8, 9].map((i) => `batch-half-${i}`).concat("held", "later", "queued");
    expect(writes()).toEqual(
      ["PATCH /contacts/c1", "POST /contacts", ...labels.map((label) => `PUT /labels/${label}`)].toSorted(),
    );
  });

  it("delivers what was pending once and in its order, and nothing that was delivered or given up", async () => {
    const { facts, must, receiver, consumed, settled, eventsOf } = await reopen(fixture);
    await settled();
    for (const path of Object.keys(facts.endpoints)) {
      const pending = eventsOf("pending", path);
      expect([
        path,
        receiver
          .ids(path)
          .filter((id) => facts.nouns["/v1/events"]!.includes(id))
          .toSorted(),
      ]).toEqual([path, pending]);
    }
    expect(eventsOf("pending", "/ordered")).toHaveLength(3);
    expect(receiver.posts["/ordered"]!.map(({ body }) => JSON.parse(body).data.resource.title)).toEqual([
      "first",
      "second",
      "third",
    ]);
    expect(eventsOf("pending", "")).toHaveLength(1);
    expect(consumed).toEqual(eventsOf("pending", ""));
    for (const [path, { secret }] of Object.entries(facts.endpoints)) {
      for (const { body, headers } of receiver.posts[path] ?? []) new Webhook(secret).verify(body, headers);
    }

    expect((await must("GET", `/v1/deliveries/${facts.dead}`)).status).toBe("dead");
    await must("POST", `/v1/deliveries/${facts.dead}/retry`);
    await settled();
    expect((await must("GET", `/v1/deliveries/${facts.dead}`)).status).toBe("delivered");
    expect(receiver.ids("/dead")).toEqual(eventsOf("dead", "/dead"));
  });

  it("tells what changed at the vendor since, and no more", async () => {
    const { facts, all, poll, receiver, consumed, settled } = await reopen(fixture, (vendor) => {
      vendor.put("orders", "n9", { total: 500, tags: [] });
      vendor.put("orders", "o10", { total: 99 });
      vendor.remove("orders", "o11");
      vendor.put("orders", "o5", { tags: ["old", "again"] });
      vendor.put("papers", "q9", { title: "Since" });
      vendor.remove("papers", "p3");
    });
    const { orders, created, tagged, papers } = facts.subscriptions;
    for (const subscription of [orders, created, tagged, papers]) await poll(subscription);
    await settled();
    const known = new Set(facts.nouns["/v1/events"]);
    const listed = await all("/v1/events");
    const fresh = listed.filter(({ id }) => !known.has(id));
    // Newest first, also of events whose ids have an order and of those whose ids have none.
    expect(listed.slice(0, fresh.length)).toEqual(fresh);
    const before = listed.slice(fresh.length).map(({ id }) => id as string);
    expect(before).toEqual(before.toSorted().toReversed());
    const of = (subscription: string) => fresh.filter((event) => event.subscription === subscription);
    const told = (subscription: string) =>
      of(subscription)
        .map(({ data }) => `${data.change} ${data.resource.id}`)
        .toSorted();
    expect(told(orders)).toEqual(["created n9", "deleted o11", "updated o10", "updated o5"]);
    expect(told(created)).toEqual(["created n9"]);
    expect(told(papers)).toEqual(["created q9", "deleted p3"]);
    expect(of(tagged).map(({ data }) => [data.resource.id, data.changes])).toEqual([
      ["o5", { tags: { added: ["again"], removed: [] } }],
    ]);
    expect(fresh.map(({ type }) => type)).not.toContain("stream.gap");
    const [news] = of(created);
    const [filtered] = receiver.posts["/filtered"]!;
    expect([filtered!.id, filtered!.headers["x-consumer"]]).toEqual([news!.id, "secret-of-the-consumer"]);
    expect(consumed).toContain(news!.id);
    expect(receiver.ids("/gone")).toEqual([]);
    expect(receiver.ids("/plain").toSorted()).toEqual(
      of(orders)
        .map(({ id }) => id as string)
        .toSorted(),
    );
  });

  it("opens what was sealed: credentials, secrets of hooks, keys and variables", async () => {
    const { facts, must, vendor, writes } = await reopen(fixture);
    const { shop, other, ledger } = facts.connections;
    for (const [connection, name] of [
      [shop, "of-u_1"],
      [other, "of-u_2"],
    ]) {
      await must("POST", `/v1/connections/${connection}/actions/put_label`, { body: { name } });
    }
    expect(writes()).toEqual(expect.arrayContaining(["PUT /labels/of-u_1", "PUT /labels/of-u_2"]));
    expect([...vendor.credentials]).toEqual(
      expect.arrayContaining(["Bearer token-of-u_1", "Bearer token-of-u_2"]) as string[],
    );
    await must("POST", `/v1/connections/${ledger}/actions/list_entries`, { body: {} });
    expect(["refresh-first", "Bearer access-first"].some((value) => vendor.credentials.has(value))).toBe(true);

    const hook = await must("POST", `/v1/hooks/${facts.hook.flow}`, {
      token: null,
      headers: { "x-hook-secret": facts.hook.secret },
      body: { name: "upgraded" },
    });
    await eventually(async () => (await must("GET", `/v1/runs/${hook.run}`)).status === "succeeded", "the hook's run");
    expect(writes()).toContain("PUT /labels/from-hook-upgraded");

    const { key, id } = facts.apiKey;
    const keys = await must("GET", "/v1/api-keys", { token: key });
    expect(keys.data.map((one: { id: string }) => one.id)).toContain(id);
    expect(await must("GET", "/v1/workspace/variables/region")).toMatchObject({ value: "north" });
    expect(await must("GET", "/v1/users/u_1/variables/nickname")).toMatchObject({ value: "Ada" });
    expect(await must("GET", "/v1/users/u_1/variables/password")).toMatchObject({ name: "password", secret: true });
  });

  it("learns which accounts its connections lead to", async () => {
    const { facts, must } = await reopen(fixture);
    const path = `/v1/connections/${facts.connections.ledger}`;
    const before = await must("GET", path);
    expect(before).toMatchObject({ status: "active", account: null });
    expect(before.label).not.toBeNull();
    await must("POST", `${path}/test`);
    expect(await must("GET", path)).toMatchObject({ account: { id: "owner-1" } });
  });

  // The queues of PostgreSQL go by its own clock, which cannot be set back to the day of the fixture.
  it.runIf(fixture.kind === "sqlite")("answers a request of the last day again, and does not repeat it", async () => {
    const facts = JSON.parse(readFileSync(join(FOLDER, fixture.version, "sqlite.json"), "utf8")) as FixtureFacts;
    const clock = new ManualClock(facts.madeAt + 3_600_000);
    const { must, vendor } = await reopen(fixture, undefined, { clock });
    const { path, key, body, answer } = facts.idempotency;
    const notes = (): number => vendor.state.writes.filter((write) => write === "POST /notes").length;
    expect(notes()).toBe(1);
    expect(await must("POST", path, { body, headers: { "idempotency-key": key } })).toEqual(answer);
    expect(notes()).toBe(1);
  });
});
