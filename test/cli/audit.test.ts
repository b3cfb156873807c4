import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { createLog } from "../../runtime/core/log.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { createTestDatabase } from "../postgres.ts";
import { Vendor, vendorManifest } from "../poll/vendor.ts";
import { CommandLine, temporaryFolder, type Finished } from "./command-line.ts";

const HOUR = 3_600_000;

interface Service {
  vendor: Vendor;
  connection: string;
  subscriptions: string[];
  /** Runs a statement in the store, behind the service's back. */
  tamper(sql: string): Promise<void>;
  start(...args: string[]): CommandLine;
  audit(...args: string[]): Promise<Finished>;
}

/** A service with subscriptions whose first polls are over; it is stopped, or runs beside on PostgreSQL. */
async function serviceOf(triggers: readonly string[], { postgres }: { postgres?: string } = {}): Promise<Service> {
  const vendor = await new Vendor().start();
  onTestFinished(() => vendor.stop());
  ["a", "b", "c", "d"].forEach((id, n) => vendor.put(id, { updated: vendor.now - HOUR * (n + 1) }));
  const folder = await temporaryFolder();
  const manifest = join(folder, "manifest.json");
  await writeFile(manifest, JSON.stringify(vendorManifest()));
  const store = postgres ?? `sqlite:${join(folder, "hookline.db")}`;
  const options = {
    store,
    connectors: [manifest],
    encryptionKeys: [randomBytes(32).toString("base64")],
    servers: { acme: { url: vendor.url } },
    network: { allowPrivate: true },
  };
  await writeFile(join(folder, "hookline.config.json"), JSON.stringify({ ...options, apiKey: "a-key-of-this-test" }));
  const hookline = createRuntime({ ...options, logger: pino({ level: "silent" }) });
  await hookline.start();
  const { id: connection } = await hookline.connections.create({ connector: "acme", user: "u_1" });
  const subscriptions: string[] = [];
  for (const trigger of triggers) {
    const { id } = await hookline.subscriptions.create({ connection, trigger, everySeconds: 86_400 });
    subscriptions.push(id);
    await expect.poll(async () => (await hookline.subscriptions.health(id)).state).toBe("active");
  }
  if (postgres === undefined) await hookline.stop();
  else onTestFinished(() => hookline.stop(0));
  const start = (...args: string[]): CommandLine =>
    new CommandLine(["audit", "--connection", connection, ...args], { cwd: folder });
  return {
    vendor,
    connection,
    subscriptions,
    tamper: async (sql) => {
      const db = await openDatabase(store, { log: createLog({ level: "silent" }) });
      await db.run(sql);
      await db.close();
    },
    start,
    audit: (...args) => start(...args).finished,
  };
}

/** What was printed, with the numbers of each row apart. */
const rows = (stdout: string): string[] => stdout.split("\n").map((line) => line.trim().replaceAll(/ +/g, " "));

describe("hookline audit", () => {
  it("reads each stream once, prints a row for it, and ends with 0 when nothing is lost", async () => {
    const { vendor, subscriptions, audit } = await serviceOf(["sync_created", "sync_deleted", "history_any"]);
    vendor.put("e");
    vendor.requests.length = 0;
    const { code, stdout, stderr } = await audit();
    expect([code, stderr]).toEqual([0, ""]);
    expect(vendor.requests.filter((request) => request === "GET /sync")).toHaveLength(1);
    const [head, sync, history, ...details] = rows(stdout);
    expect(head).toBe(
      "stream verdict read known missing extra stale pending unverified unsettled held quarantined unread",
    );
    expect(sync).toBe("sync proved 5 4 0 0 0 1 0 0 0 0 0");
    expect(history).toBe("history notAudited 0 - - - - 0 0 0 0 0 0");
    expect(details).toContain("pending: e");
    expect(stdout).toContain(`sync of ${subscriptions[0]}, read from `);
    expect(stdout).toContain("not audited: All records of history: the vendor lists only what changed");
  });

  it("names the keys of what is lost, and ends with 1", async () => {
    const { tamper, audit, connection, subscriptions } = await serviceOf(["since_any"]);
    await tamper("delete from known where key = 'b'");
    await tamper("update known set version = 'another' where key = 'c'");
    await tamper("update known set key = 'z' || char(27) where key = 'd'");
    const { code, stdout } = await audit("--timeout", "60");
    expect(code).toBe(1);
    expect(rows(stdout)).toEqual(
      expect.arrayContaining([
        "since different 4 3 2 0 1 0 1 0 0 0 0",
        "missing: b, d",
        "stale: c",
        expect.stringMatching(/^unverified \(reported after .*\): z$/),
      ]),
    );
    const machine = await audit("--json", "--timeout", "60");
    expect(machine.code).toBe(1);
    expect(JSON.parse(machine.stdout)).toMatchObject({
      connection,
      audits: [{ subscription: subscriptions[0], verdict: "different", missing: { count: 2, keys: ["b", "d"] } }],
    });
  });

  it("audits beside a service that runs on PostgreSQL", async () => {
    const { url, drop } = await createTestDatabase();
    onTestFinished(drop);
    const { tamper, audit, subscriptions } = await serviceOf(["since_any", "snapshot_any"], { postgres: url });
    await tamper("delete from known where key = 'b'");
    const { code, stdout, stderr } = await audit("--json");
    expect([code, stderr]).toEqual([1, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      audits: [
        { subscription: subscriptions[0], verdict: "different", missing: { count: 1, keys: ["b"] } },
        {
          subscription: subscriptions[1],
          verdict: "proved",
          missing: { count: 0 },
          pending: { count: 1, keys: ["b"] },
        },
      ],
    });
  });

  it("says which audit failed and why, once per stream, goes on with the others, and ends with 1", async () => {
    const { vendor, audit, subscriptions } = await serviceOf(["snapshot_any", "sync_any", "snapshot_created"]);
    const [first, , last] = subscriptions;
    vendor.requests.length = 0;
    vendor.instead = ({ pathname }, response) => {
      if (pathname !== "/snapshot") return false;
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
      return true;
    };
    const { code, stdout } = await audit();
    expect(code).toBe(1);
    expect(rows(stdout)).toContain("sync proved 4 4 0 0 0 0 0 0 0 0 0");
    expect(stdout).toContain(`- ${first}, ${last} were not audited: `);
    expect(stdout.split("[unexpected_answer]")).toHaveLength(2);
    expect(vendor.requests.filter((request) => request === "GET /snapshot")).toHaveLength(1);
    const machine = await audit("--json");
    expect(JSON.parse(machine.stdout)).toMatchObject({
      audits: [
        { subscription: first, subscriptions: [first, last], error: { code: "unexpected_answer" } },
        { verdict: "proved" },
      ],
    });
  });

  it("ends with 2 for a connection that is not there, or has no subscription", async () => {
    const { vendor, connection, audit } = await serviceOf([]);
    const none = await audit();
    expect([none.code, none.stdout]).toEqual([2, ""]);
    expect(none.stderr).toContain(
      `Connection ${connection} has no subscription, so no stream of it is read [conflict]`,
    );
    const longest = await audit("--timeout", "86400");
    expect(longest.stderr).toContain("[conflict]");
    const longer = await audit("--timeout", "86401");
    expect([longer.code, longer.stderr]).toEqual([2, expect.stringContaining("Give at most 86400 seconds.")]);
    const absent = await audit("--connection", "con_none");
    expect([absent.code, absent.stdout]).toEqual([2, ""]);
    expect(absent.stderr).toContain("[not_found]");
    expect(vendor.requests).toEqual([]);
  });

  it("reports nothing when it is interrupted", async () => {
    const { vendor, start } = await serviceOf(["sync_any"]);
    let isAsked = false;
    vendor.instead = () => (isAsked = true);
    const command = start();
    await expect.poll(() => isAsked).toBe(true);
    const { code, stdout, stderr } = await command.interrupt();
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("The audit was interrupted and reports nothing [stopped]");
  });
});
