import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pressButton } from "../fixtures/browser.ts";
import { CommandLine, temporaryFolder } from "./command-line.ts";

const apiKey = "an-api-key-of-the-test";
const env = { HOOKLINE_API_KEY: apiKey, HOOKLINE_ENCRYPTION_KEY: randomBytes(32).toString("base64"), PORT: "0" };

async function ready(service: CommandLine): Promise<string> {
  const [, port] = await service.prints(/"port":(\d+).*"hookline is ready"/);
  return `http://127.0.0.1:${port}`;
}

describe("hookline start", () => {
  it("serves the API until it is told to stop, and ends with 0", async () => {
    const service = new CommandLine(["start"], { cwd: await temporaryFolder(), env });
    const url = await ready(service);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/v1/connectors`)).status).toBe(401);
    const connectors = await fetch(`${url}/v1/connectors`, { headers: { authorization: `Bearer ${apiKey}` } });
    const { data } = (await connectors.json()) as { data: { name: string }[] };
    expect(data.map(({ name }) => name)).toContain("google-contacts");
    service.process.kill("SIGTERM");
    const { code, stdout } = await service.finished;
    expect(code).toBe(0);
    expect(stdout).not.toContain(apiKey);
  });

  it("is reached at its own port where no baseUrl is given", async () => {
    const cwd = await temporaryFolder();
    const clients = { "google-contacts": { clientId: "id", clientSecret: "secret" } };
    await writeFile(join(cwd, "hookline.config.json"), JSON.stringify({ clients }));
    const service = new CommandLine(["start"], { cwd, env });
    const url = await ready(service);
    const made = await fetch(`${url}/v1/connections`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ connector: "google-contacts", user: "u_1" }),
    });
    const { authorizeUrl } = (await made.json()) as { authorizeUrl: string };
    const { port } = new URL(url);
    expect(new URL(authorizeUrl).port).toBe(port);
    const vendor = new URL((await pressButton(authorizeUrl)).url);
    expect(new URL(vendor.searchParams.get("redirect_uri")!).port).toBe(port);
  });

  it("ends with 2 and a remedy for a host that is not this machine, and leaves a command to copy alone", async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, "hookline.config.json"), JSON.stringify({ host: "203.0.113.1" }));
    const service = await new CommandLine(["start"], { cwd, env }).finished;
    expect(service.code).toBe(2);
    expect(service.stderr).toContain("Host 203.0.113.1 is not an address of this machine; use 127.0.0.1, or leave");
    const without = await new CommandLine(["start"], { cwd: await temporaryFolder() }).finished;
    expect(without.stderr).toMatch(/\.toString\('base64'\)\)"\n\[invalid_config\]\n$/);
  });

  it("keeps everything in the store of the configuration, and refuses a second process on it", async () => {
    const cwd = await temporaryFolder();
    await writeFile(
      join(cwd, "hookline.config.json"),
      JSON.stringify({ store: "sqlite:./own.db", log: { level: "info" } }),
    );
    const first = new CommandLine(["start"], { cwd, env });
    await ready(first);
    const second = await new CommandLine(["start"], { cwd, env }).finished;
    expect(second.code).toBe(2);
    expect(second.stderr).toContain("own.db");
    expect(second.stderr).toContain("[store_locked]");
  });

  it("ends with 2 and names all that is missing, before anything is opened", async () => {
    const service = await new CommandLine(["start"], { cwd: await temporaryFolder(), env: { PORT: "x" } }).finished;
    expect(service.code).toBe(2);
    expect(service.stderr).toContain("The configuration has 3 faults:");
    expect(service.stderr).toContain("environment#/HOOKLINE_ENCRYPTION_KEY: is missing");
    expect(service.stderr).toMatch(/make a key with: node -e .*randomBytes\(32\)/);
    expect(service.stderr).toContain("[invalid_config]");
  });

  it("refuses another encryption key than the store was written with", async () => {
    const cwd = await temporaryFolder();
    const first = new CommandLine(["start"], { cwd, env });
    await ready(first);
    await first.interrupt();
    const changed = { ...env, HOOKLINE_ENCRYPTION_KEY: randomBytes(32).toString("base64") };
    const second = await new CommandLine(["start"], { cwd, env: changed }).finished;
    expect(second.code).toBe(2);
    expect(second.stderr).toContain("[encryption_key]");
  });

  it("loads googleapis only when it is first used", async () => {
    const service = new CommandLine(["start"], {
      cwd: await temporaryFolder(),
      env: { ...env, NODE_DEBUG: "module,esm" },
    });
    await ready(service);
    expect(service.stderr).toContain("express");
    expect(service.stderr).not.toMatch(/node_modules\/(googleapis|gaxios)\//);
  });
});
