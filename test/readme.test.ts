import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { apiClient } from "../runtime/cli/demo/api.ts";
import { grantAccess } from "../runtime/cli/demo/person.ts";
import { readConfig } from "../runtime/cli/config.ts";
import { checkManifest } from "../runtime/manifest/check.ts";
import { loadManifest } from "../runtime/manifest/load.ts";
import { createSandbox } from "../runtime/sandbox/index.ts";
import { eventually } from "./fixtures/wait.ts";
import { readme, withTables } from "./readme-tables.ts";

const root = resolve(import.meta.dirname, "..");
const text = await readFile(readme, "utf8");

function example(language: string): string {
  return new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(text)![1]!;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

describe("README.md", () => {
  it("has tables of connectors and errors as the code has them (npm run generate)", async () => {
    expect(text).toBe(await withTables(text));
  });

  it("begins with an example that runs as it stands", async () => {
    const sandbox = await createSandbox();
    onTestFinished(() => sandbox.stop());
    const port = await freePort();
    // Inside the repository, where "hookline" leads to its sources.
    await mkdir(join(root, ".hookline"), { recursive: true });
    const folder = await mkdtemp(join(root, ".hookline", "readme-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const pointedAtSandbox = example("ts")
      .replaceAll("3000", String(port))
      .replace("  clients:", `  servers: ${JSON.stringify(sandbox.servers)},\n  clients:`);
    await writeFile(join(folder, "example.ts"), pointedAtSandbox);

    const apiKey = "the-key-of-the-readme";
    const app = spawn(process.execPath, ["--conditions=hookline-source", "example.ts"], {
      cwd: folder,
      env: {
        HOOKLINE_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
        HOOKLINE_API_KEY: apiKey,
        GOOGLE_ID: sandbox.client.clientId,
        GOOGLE_SECRET: sandbox.client.clientSecret,
      },
    });
    onTestFinished(() => void app.kill("SIGKILL"));
    let output = "";
    for (const stream of [app.stdout, app.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));

    const url = `http://localhost:${port}`;
    const call = apiClient(`${url}/integrations`, apiKey);
    await eventually(() =>
      fetch(`${url}/integrations/readyz`).then(
        (answer) => (answer.ok ? true : undefined),
        () => undefined,
      ),
    );
    const redirect = await fetch(`${url}/connect`, { redirect: "manual" });
    await grantAccess(redirect.headers.get("location")!);
    const id = await eventually(async () => {
      const { data } = await call<{ data: { id: string }[] }>("GET", "/v1/subscriptions");
      return data[0]?.id;
    });
    await eventually(async () => {
      const { state } = await call<{ state: string }>("GET", `/v1/subscriptions/${id}/health`);
      return state === "active" ? state : undefined;
    });
    sandbox.google.account().people.createContact({ names: [{ givenName: "Ada", familyName: "Lovelace" }] });
    await call("POST", `/v1/subscriptions/${id}/poll`);
    const told = await eventually(() => /contact\.created \{[^]*Lovelace/.exec(output)?.[0]);
    expect(told).toContain("google-contacts");
  });

  it("shows a configuration that is accepted", async () => {
    await mkdir(join(root, ".hookline"), { recursive: true });
    const folder = await mkdtemp(join(root, ".hookline", "readme-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, "google"), "secret");
    await writeFile(join(folder, "c.json"), example("json").replace("/run/secrets/google", "google"));
    const env = { HOOKLINE_API_KEY: "k", HOOKLINE_ENCRYPTION_KEY: randomBytes(32).toString("hex"), GOOGLE_ID: "id" };
    const config = await readConfig({ file: "c.json", env, cwd: folder });
    expect(config.runtime.clients).toEqual({ "google-contacts": { clientId: "id", clientSecret: "secret" } });
  });
});

describe("CONTRIBUTING.md", () => {
  it("shows a connector without faults", async () => {
    const guide = await readFile(join(root, "CONTRIBUTING.md"), "utf8");
    const manifest = JSON.parse(/```json\n([^]*?)```/.exec(guide)![1]!) as object;
    expect(checkManifest(await loadManifest(manifest))).toEqual([]);
  });
});
