import { once } from "node:events";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { contention } from "../fixtures/contention.ts";
import { until } from "../fixtures/wait.ts";
import { CommandLine, run, temporaryFolder } from "./command-line.ts";

const EVENT = /^\d\d:\d\d:\d\d {2}(contact\.\w+ +.+)$/gm;

function start(folder: string): CommandLine {
  return new CommandLine(["demo", "--port", "0", "--data", folder, "--fast"]);
}

/** The lines about events, without their times. */
function events(output: string): string[] {
  return [...output.matchAll(EVENT)].map((match) => match[1]!);
}

/** An event as the API shows it. */
interface Reported {
  id: string;
  data: { resource?: { lastName?: string } };
  deliveries: { status: string }[];
}

async function somethingHappens(demo: CommandLine): Promise<void> {
  await demo.prints(/(^\d\d:\d\d:\d\d {2}contact[^]+){3}/m);
}

describe("npm start", () => {
  it("shows webhooks arriving, and goes on where it stopped the next time", async () => {
    const folder = await temporaryFolder();
    const first = start(folder);
    await somethingHappens(first);
    const interrupted = performance.now();
    const before = await first.interrupt();
    expect(performance.now() - interrupted).toBeLessThan(2000 * contention());
    expect(before).toMatchObject({ code: 0, stderr: "" });
    expect(before.stdout).toContain("(50 people who were there before came as backfill.)");
    expect(before.stdout.trimEnd()).toMatch(/Stopping\.\nStopped\. The next start continues here\.$/);

    const second = start(folder);
    const [, somebody, phone] = await second.prints(/ {2}Grace Hopper was added\n {2}(.+) got the number (.+)\n/);
    await second.prints(/contact\.created {3}Grace Hopper {2}grace\.hopper/);
    await second.prints(new RegExp(`contact\\.updated {3}${somebody} {2}phones: .*\\${phone}`));
    await somethingHappens(second);
    const after = await second.interrupt();
    expect(after).toMatchObject({ code: 0, stderr: "" });
    expect(after.stdout).not.toContain("backfill");
    const told = new Set(events(before.stdout));
    expect(told.size).toBeGreaterThanOrEqual(3);
    expect(events(after.stdout).filter((line) => told.has(line))).toEqual([]);
  });

  it("goes on even after it was killed", async () => {
    const folder = await temporaryFolder();
    const first = start(folder);
    const [, api, key, sandbox] = await first.prints(/API +(http\S+)\n +API key +(\S+)\n +Google +(http\S+)/);
    const ask = async (path: string) =>
      (await (await fetch(api + path, { headers: { authorization: `Bearer ${key}` } })).json()) as never;
    // What the people of the demonstration do by themselves is left to chance.
    for (const givenName of ["Ada", "Mary", "Katherine", "Dorothy"]) {
      await fetch(`${sandbox}/control/contacts`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ givenName, familyName: "Friend" }),
      });
      await first.prints(new RegExp(`contact\\.created {3}${givenName} Friend`));
    }
    const isFriend = ({ data }: Reported): boolean => data.resource?.lastName === "Friend";
    await until(async () => {
      const { data: told }: { data: Reported[] } = await ask("/v1/events?type=contact.created&limit=100");
      const friends: Reported[] = await Promise.all(told.filter(isFriend).map(({ id }) => ask(`/v1/events/${id}`)));
      return (
        friends.flatMap(({ deliveries }) => deliveries).filter(({ status }) => status === "delivered").length === 4
      );
    });
    first.process.kill("SIGKILL");
    const before = await first.finished;
    const second = start(folder);
    await second.prints(/contact\.created {3}Grace Hopper/);
    const after = await second.interrupt();
    expect(after).toMatchObject({ code: 0, stderr: "" });
    const created = (output: string) => events(output).filter((line) => line.startsWith("contact.created"));
    // Others may have been taken without anybody there to remember it: they come again, as at least once means.
    const told = created(before.stdout).filter((line) => line.includes("Friend"));
    expect(told).toHaveLength(4);
    expect(created(after.stdout).filter((line) => told.includes(line))).toEqual([]);
  });

  it("prints requests that work as they stand", async () => {
    const demo = start(await temporaryFolder());
    await somethingHappens(demo);
    const requests = [...demo.stdout.matchAll(/curl -s '?(http\S+?)'? -H 'authorization: (Bearer \S+)'/g)];
    expect(requests.length).toBe(4);
    for (const [, url, authorization] of requests) {
      const isAction = url!.endsWith("/create_contact");
      const [, body] = / -d '(.+)'/.exec(demo.stdout)!;
      const headers = { authorization: authorization!, ...(isAction && { "content-type": "application/json" }) };
      const response = await fetch(url!, isAction ? { method: "POST", headers, body: body! } : { headers });
      expect({ url, status: response.status }).toEqual({ url, status: 200 });
    }
    await demo.prints(/contact\.created {3}Ada Lovelace/);
  });

  it("keeps its keys where only their owner can read them", async () => {
    const folder = await temporaryFolder();
    const demo = start(folder);
    await somethingHappens(demo);
    expect((await stat(join(folder, "keys.json"))).mode & 0o777).toBe(0o600);
    expect((await demo.interrupt()).code).toBe(0);
  });

  it("stops by itself after the time it is given", async () => {
    const { code, stdout } = await run(
      "demo",
      "--port",
      "0",
      "--data",
      await temporaryFolder(),
      "--fast",
      "--for",
      "0.5",
    );
    expect(code).toBe(0);
    expect(stdout).toContain("Stopped.");
  });

  it("ends with 2 and a remedy when its port is taken", async () => {
    const server = createServer().listen(0);
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await run("demo", "--port", String(port), "--data", await temporaryFolder());
    expect(code).toBe(2);
    expect(stderr).toBe(
      `Port ${port} is in use by another program; stop that one, or choose another: npm start -- --port 8081 [invalid_config]\n`,
    );
  });

  it("refuses a folder that another one is using, and changes nothing there", async () => {
    const folder = await temporaryFolder();
    const first = start(folder);
    await somethingHappens(first);
    const second = await run("demo", "--port", "0", "--data", folder);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain("[store_locked]");
    expect((await first.interrupt()).code).toBe(0);
  });
});
