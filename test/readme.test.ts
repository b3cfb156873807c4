import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { apiClient } from "../runtime/cli/demo/api.ts";
import { grantAccess } from "../runtime/cli/demo/person.ts";
import { readConfig } from "../runtime/cli/config.ts";
import { createLibrary } from "../runtime/library.ts";
import { checkManifest } from "../runtime/manifest/check.ts";
import { compileSchema } from "../runtime/manifest/validate.ts";
import { loadManifest } from "../runtime/manifest/load.ts";
import { newSecret, signatureHeaders, signingKey } from "../runtime/deliver/sign.ts";
import { createSandbox } from "../runtime/sandbox/index.ts";
import { eventually } from "./fixtures/wait.ts";
import { documentsWithTables, readme, root } from "./readme-tables.ts";

const text = await readFile(readme, "utf8");

/** The first block of a language that has these words. */
function example(language: string, words = ""): string {
  const blocks = [...text.matchAll(/```(\w+)\n([^]*?)```/g)];
  return blocks.find(([, of, block]) => of === language && block!.includes(words))![2]!;
}

/** Runs an example as a program of its own until the test has finished; gives what it prints. */
async function run(name: string, source: string, env: Record<string, string>): Promise<() => string> {
  // Inside the repository, where "hookline" leads to its sources.
  await mkdir(join(root, ".hookline"), { recursive: true });
  const folder = await mkdtemp(join(root, ".hookline", "readme-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, name), source);
  const program = spawn(process.execPath, ["--conditions=hookline-source", name], { cwd: folder, env });
  onTestFinished(() => void program.kill("SIGKILL"));
  let output = "";
  for (const stream of [program.stdout, program.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return () => output;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

describe("the documents", () => {
  it("have tables of connectors and errors as the code has them (npm run generate)", async () => {
    for (const { before, after } of await documentsWithTables()) expect(before).toBe(after);
  });
});

describe("docs/library.md", () => {
  it("lists every method of every service, and no other", async () => {
    const guide = await readFile(join(root, "docs", "library.md"), "utf8");
    const listed = [...guide.matchAll(/`(\w+\.\w+)\(/g)].map(([, call]) => call);
    const library = createLibrary(() => Promise.reject(new Error("not opened")));
    const services = Object.entries(library).flatMap(([service, methods]) =>
      Object.keys(methods as object).map((method) => `${service}.${method}`),
    );
    expect(new Set(listed)).toEqual(new Set(services));
    expect(listed).toHaveLength(services.length);
  });
});

describe("README.md", () => {
  it("begins with an example that runs as it stands", async () => {
    const sandbox = await createSandbox();
    onTestFinished(() => sandbox.stop());
    const port = await freePort();
    const pointedAtSandbox = example("ts")
      .replaceAll("3000", String(port))
      .replace("  clients:", `  servers: ${JSON.stringify(sandbox.servers)},\n  clients:`);
    const apiKey = "the-key-of-the-readme";
    const output = await run("example.ts", pointedAtSandbox, {
      HOOKLINE_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
      HOOKLINE_API_KEY: apiKey,
      GOOGLE_ID: sandbox.client.clientId,
      GOOGLE_SECRET: sandbox.client.clientSecret,
    });

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
    const told = await eventually(() => /contact\.created \{[^]*Lovelace/.exec(output())?.[0]);
    expect(told).toContain("google-contacts");
  });

  it("names a test for each promise", () => {
    const promises = /What you can rely on.*\n\n([^]*?)\n\n/.exec(text)![1]!.split("\n");
    expect(promises.length).toBeGreaterThan(5);
    const tests = promises.map((promise) => /\(\[test\]\((test\/.+\.test\.ts)\)\)\.$/.exec(promise)?.[1]);
    expect(tests.filter((file) => file === undefined || !existsSync(join(root, file)))).toEqual([]);
  });

  it("shows a webhook as the schema of events has it", async () => {
    const schema = JSON.parse(await readFile(join(root, "schemas", "event.schema.json"), "utf8")) as object;
    const body: unknown = JSON.parse(example("json", '"contact.created"'));
    expect(compileSchema(schema)(body)).toEqual([]);
  });

  it("shows a receiver that takes what is signed, and answers 400 to everything else", async () => {
    const secret = newSecret();
    const port = await freePort();
    const env = { WEBHOOK_SECRET: secret, PORT: String(port) };
    const output = await run("receiver.mjs", example("js", "verifyWebhook"), env);
    const body = JSON.stringify({ type: "contact.created", timestamp: new Date().toISOString(), data: {} });
    const headers = signatureHeaders("evt_1", Date.now(), Buffer.from(body), [signingKey(secret)]);
    const send = (id: string) =>
      fetch(`http://localhost:${port}/hooks`, { method: "POST", headers: { ...headers, "webhook-id": id }, body });

    const accepted = await eventually(() => send("evt_1").catch(() => undefined));
    expect(accepted.status).toBe(204);
    await eventually(() => (output().includes("evt_1 contact.created") ? true : undefined));
    const forged = await send("evt_2");
    expect(forged.status).toBe(400);
    expect(await forged.text()).toMatch(/no signature matches/);
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
