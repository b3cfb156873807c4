import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { CommandLine, run, temporaryFolder } from "./command-line.ts";

async function takenPort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe("hookline", () => {
  it("explains every command with an example", async () => {
    for (const command of ["start", "demo", "sandbox", "validate", "test", "listen", "migrate", "move", "audit"]) {
      const { code, stdout } = await run(command, "--help");
      expect({ command, code }).toEqual({ command, code: 0 });
      expect(stdout).toContain(`Usage: hookline ${command}`);
      expect(stdout).toMatch(/Examples?:\n {2}\S/);
    }
  });

  it("ends with 2 and a suggestion when a command is misspelt, and with 2 when an option has no sense", async () => {
    const misspelt = await run("validat");
    expect(misspelt.code).toBe(2);
    expect(misspelt.stderr).toContain("Did you mean validate?");
    const senseless = await run("listen", "--port", "http");
    expect(senseless.code).toBe(2);
    expect(senseless.stderr).toContain("Give a whole number from 0 (any free port) to 65535.");
  });
});

/** A manifest without faults: OAuth beside a token. */
const MINIMAL = {
  manifestVersion: 1,
  name: "acme",
  version: "1.0.0",
  title: "Acme",
  server: { url: "https://api.acme.example" },
  allowedHosts: ["*.acme.example"],
  authentication: {
    oneOf: [
      { type: "bearer" },
      {
        type: "oauth2",
        authorizationUrl: "https://login.acme.example/authorize",
        tokenUrl: "https://login.acme.example/token",
        scopes: { read: "Read" },
      },
    ],
  },
};

describe("hookline validate", () => {
  it("ends with 0 for a manifest without faults", async () => {
    expect(await run("validate", "google-contacts")).toEqual({
      code: 0,
      stdout: "google-contacts: no faults\n",
      stderr: "",
    });
  });

  it("advises a manifest with OAuth that does not say what proves an account, and ends with 0", async () => {
    const file = join(await temporaryFolder(), "manifest.json");
    await writeFile(file, JSON.stringify(MINIMAL));
    const { code, stdout, stderr } = await run("validate", file);
    expect([code, stdout]).toEqual([0, `${file}: no faults\n`]);
    expect(stderr).toMatch(/^advice: .*manifest\.json#\/authentication\/oneOf\/1: has no account: .*claims#\/sub"}\n$/);
  });

  it("prints all faults, each with file and pointer, and ends with 1", async () => {
    const folder = join(await temporaryFolder(), "acme");
    await mkdir(folder);
    const file = join(folder, "manifest.json");
    await writeFile(file, JSON.stringify({ manifestVersion: 1, name: "Acme", titel: "Acme" }));
    const { code, stdout } = await run("validate", file);
    expect(code).toBe(1);
    expect(stdout).toContain('acme/manifest.json#/titel: unknown property "titel"; did you mean "title"?\n');
    expect(stdout).toContain("acme/manifest.json#/version: is required\n");

    const machine = await run("validate", "--json", "google-contacts", file);
    expect(machine.code).toBe(1);
    const { valid, faults } = JSON.parse(machine.stdout) as { valid: boolean; faults: { pointer: string }[] };
    expect(valid).toBe(false);
    expect(faults.map(({ pointer }) => pointer)).toContain("/titel");
  });

  it("ends with 1 for a manifest that is not JSON, and with 2 for one that is not there", async () => {
    const file = join(await temporaryFolder(), "manifest.json");
    await writeFile(file, "{");
    const broken = await run("validate", file);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toContain("is not valid JSON");
    const absent = await run("validate", `${file}.json`);
    expect(absent.code).toBe(2);
    expect(absent.stderr).toContain("does not exist; give its path");
    expect(absent.stderr).toContain("[not_found]");
  });
});

describe("hookline listen", () => {
  const secret = `whsec_${randomBytes(24).toString("base64")}`;
  const body = JSON.stringify({
    type: "contact.created",
    timestamp: new Date().toISOString(),
    data: {
      connection: "con_1",
      change: "created",
      resource: { type: "contact", id: "c1", displayName: "Ada Lovelace" },
    },
  });

  async function send(url: string, signedWith: string): Promise<number> {
    const timestamp = Math.floor(Date.now() / 1000);
    const key = Buffer.from(signedWith.slice("whsec_".length), "base64");
    const signature = createHmac("sha256", key).update(`evt_1.${timestamp}.${body}`).digest("base64");
    const headers = {
      "webhook-id": "evt_1",
      "webhook-timestamp": String(timestamp),
      "webhook-signature": `v1,${signature}`,
    };
    return (await fetch(url, { method: "POST", headers, body })).status;
  }

  it("prints a line for each webhook with the right signature, and refuses others", async () => {
    const listening = new CommandLine(["listen", "--port", "0", "--secret", secret]);
    const [, url] = await listening.prints(/Listening on (\S+) \(signatures are verified\)/);
    expect(await send(url!, secret)).toBe(204);
    await listening.prints(/contact\.created {3}Ada Lovelace\n/);
    expect(await send(url!, `whsec_${randomBytes(24).toString("base64")}`)).toBe(400);
    await listening.prints(/refused: webhook-signature: no signature matches/);
    expect((await fetch(url!)).status).toBe(405);
    const { code, stdout } = await listening.interrupt();
    expect(code).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(1);
  });

  it("prints events as JSON with --json, and says so when it cannot verify them", async () => {
    const listening = new CommandLine(["listen", "--port", "0", "--json"]);
    const [, url] = await listening.prints(/Listening on (\S+) \(no secret given, so nothing is verified\)/);
    expect(await send(url!, secret)).toBe(204);
    const [line] = await listening.prints(/\{.+\}\n/);
    expect(JSON.parse(line)).toMatchObject({ id: "evt_1", type: "contact.created", data: { change: "created" } });
  });

  it("refuses a secret that can verify nothing, without printing it", async () => {
    const { code, stderr } = await run("listen", "--port", "0", "--secret", secret, "whsec_shrt");
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "listen: a secret is whsec_ followed by base64; copy it whole [invalid_config]\n",
    });
  });

  it("ends with 2 and a remedy when the port is taken", async () => {
    const port = await takenPort();
    const { code, stderr } = await run("listen", "--port", String(port));
    expect(code).toBe(2);
    expect(stderr).toContain(
      `Port ${port} is in use by another program; stop that one, or choose another: hookline listen --port`,
    );
  });
});

describe("hookline demo", () => {
  it("ends with 2 and a remedy for a folder that is none, and for a time that no timer has", async () => {
    const file = join(await temporaryFolder(), "file");
    await writeFile(file, "");
    for (const folder of [file, join(file, "inside")]) {
      const { code, stderr } = await run("demo", "--data", folder);
      expect(code).toBe(2);
      expect(stderr).toMatch(/: cannot be used as a folder \((EEXIST|ENOTDIR)\); name another with --data/);
    }
    const endless = await run("demo", "--for", "Infinity");
    expect(endless.code).toBe(2);
    expect(endless.stderr).toContain("Give a number of seconds greater than 0, at most 2147483.");
  });
});

describe("hookline sandbox", () => {
  it("prints a configuration for the vendors it simulates, and answers there until it is stopped", async () => {
    const sandbox = new CommandLine(["sandbox", "--port", "0", "--contacts", "3"]);
    const [, json] = await sandbox.prints(/\n(\{[^]+\n\})\n/);
    const { servers, clients } = JSON.parse(json!) as Record<string, Record<string, { url: string; clientId: string }>>;
    expect(clients!["google-contacts"]!.clientId).toMatch(/sandbox/);
    const state = await fetch(`${servers!["google-contacts"]!.url}/control/state`);
    expect(await state.json()).toMatchObject({ accounts: [{ contacts: 3 }] });
    expect((await sandbox.interrupt()).code).toBe(0);
  });

  it("ends with 2 and a remedy when the port is taken", async () => {
    const port = await takenPort();
    const { code, stderr } = await run("sandbox", "--port", String(port));
    expect(code).toBe(2);
    expect(stderr).toContain(`Port ${port} is in use by another program`);
  });
});
