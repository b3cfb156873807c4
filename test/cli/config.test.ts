import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfig, readStore } from "../../runtime/cli/config.ts";
import { HooklineError } from "../../runtime/core/errors.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { temporaryFolder } from "./command-line.ts";

const key = randomBytes(32).toString("base64");
const env = { HOOKLINE_API_KEY: "a-long-api-key", HOOKLINE_ENCRYPTION_KEY: key };

async function folderWith(config: unknown): Promise<string> {
  const cwd = await temporaryFolder();
  const text = typeof config === "string" ? config : JSON.stringify(config);
  await writeFile(join(cwd, "hookline.config.json"), text);
  return cwd;
}

async function refusal(promise: Promise<unknown>): Promise<HooklineError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HooklineError);
  expect((error as HooklineError).code).toBe("invalid_config");
  return error as HooklineError;
}

describe("the configuration of the service", () => {
  it("needs nothing but an API key and an encryption key", async () => {
    const config = await readConfig({ env, cwd: await temporaryFolder() });
    expect(config).toMatchObject({ port: 8080, logLevel: "info" });
    expect(config.runtime).toMatchObject({
      store: "sqlite:./hookline.db",
      apiKey: "a-long-api-key",
      encryptionKeys: [key],
    });
  });

  it("is read from the file in the working folder", async () => {
    const cwd = await folderWith({
      port: 0,
      host: "127.0.0.1",
      returnOrigins: ["https://app.example"],
      log: { level: "warn" },
    });
    const config = await readConfig({ env, cwd });
    expect(config).toMatchObject({ port: 0, host: "127.0.0.1", logLevel: "warn" });
    expect(config.runtime.returnOrigins).toEqual(["https://app.example"]);
  });

  it("lets the environment win over the file", async () => {
    const cwd = await folderWith({ port: 1, store: "sqlite:./a.db", log: { level: "warn" } });
    const given = { ...env, PORT: "8081", DATABASE_URL: "sqlite:./b.db", HOOKLINE_LOG_LEVEL: "error" };
    const config = await readConfig({ env: given, cwd });
    expect(config).toMatchObject({ port: 8081, logLevel: "error" });
    expect(config.runtime.store).toBe("sqlite:./b.db");
    expect(config.overruled).toEqual([
      { variable: "DATABASE_URL", pointer: "/store" },
      { variable: "PORT", pointer: "/port" },
      { variable: "HOOKLINE_LOG_LEVEL", pointer: "/log/level" },
    ]);
  });

  it("overrules nothing where environment and file agree, or only one of them speaks", async () => {
    const cwd = await folderWith({ port: 8081, store: "sqlite:./a.db" });
    const given = { ...env, PORT: "8081", DATABASE_URL: "sqlite:./a.db", HOOKLINE_LOG_LEVEL: "error" };
    expect((await readConfig({ env: given, cwd })).overruled).toEqual([]);
  });

  it("follows references to the environment and to files, from the file's own folder", async () => {
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, "etc"));
    await writeFile(join(cwd, "etc", "secret"), "s3cret\n");
    const clients = { "google-contacts": { clientId: { env: "CLIENT" }, clientSecret: { file: "secret" } } };
    const encryptionKeys = [{ env: "HOOKLINE_ENCRYPTION_KEY" }, { env: "OLD_KEY" }];
    await writeFile(join(cwd, "etc", "hookline.json"), JSON.stringify({ clients, encryptionKeys }));
    const oldKey = randomBytes(32).toString("hex");
    const config = await readConfig({ file: "etc/hookline.json", env: { ...env, CLIENT: "id", OLD_KEY: oldKey }, cwd });
    expect(config.runtime.clients).toEqual({ "google-contacts": { clientId: "id", clientSecret: "s3cret" } });
    expect(config.runtime.encryptionKeys).toEqual([key, oldKey]);
  });

  it("names every fault of file and environment at once, each with its place and its remedy", async () => {
    const cwd = await folderWith({
      prot: 8080,
      network: { allow: ["intranet"] },
      clients: { gmail: { clientId: { env: "NOT_SET" }, clientSecret: { file: "not-there" } } },
    });
    const error = await refusal(readConfig({ env: { PORT: "http", HOOKLINE_LOG_LEVEL: "wran" }, cwd }));
    expect(error.message.split("\n").map((line) => line.trim())).toEqual([
      "The configuration has 8 faults:",
      "hookline.config.json#/clients/gmail/clientId: the environment has no NOT_SET; set it, or write the value here",
      "hookline.config.json#/clients/gmail/clientSecret: cannot read not-there (ENOENT); paths start from the configuration file's folder",
      'hookline.config.json#/prot: unknown property "prot"; did you mean "port"?',
      expect.stringMatching(/^hookline\.config\.json#\/network\/allow\/0: must match /) as string,
      'environment#/PORT: "http" is not a TCP port; give a whole number from 0 to 65535',
      'environment#/HOOKLINE_LOG_LEVEL: must be one of "trace", "debug", "info", "warn", "error", "fatal", "silent"; did you mean "warn"?',
      "environment#/HOOKLINE_API_KEY: is missing: callers of the API send it; any long random text will do",
      expect.stringContaining("environment#/HOOKLINE_ENCRYPTION_KEY: is missing") as string,
    ]);
  });

  it("says how to make a missing encryption key, and the command it gives makes one", async () => {
    const cwd = await temporaryFolder();
    const error = await refusal(readConfig({ env: { HOOKLINE_API_KEY: "k" }, cwd }));
    const program = /node -e "(.+)"/.exec(error.message)![1]!;
    const made = execFileSync(process.execPath, ["-e", program], { encoding: "utf8" }).trim();
    const config = await readConfig({ env: { ...env, HOOKLINE_ENCRYPTION_KEY: made }, cwd });
    expect(config.runtime.encryptionKeys).toEqual([made]);
  });

  it("refuses a malformed encryption key without printing it", async () => {
    const cwd = await folderWith({ encryptionKeys: [key, "too-short-to-be-a-key"] });
    const error = await refusal(readConfig({ env, cwd }));
    expect(error.message).toContain("hookline.config.json#/encryptionKeys/1: must be 32 bytes in base64 or hex");
    expect(error.message).not.toContain("too-short");
  });

  it("refuses in the words of createRuntime", async () => {
    const options = {
      baseUrl: "app.example",
      returnOrigins: ["https://a.example", "/"],
      connectors: ["gmail", "gmial"],
      network: { allow: ["10.0.0.0/99"] },
      servers: { gmail: { url: "https://proxy.example/?a=1" } },
    };
    const error = await refusal(readConfig({ env, cwd: await folderWith(options) }));
    const told = error.faults.map(({ pointer, message }) => `${pointer} ${message}`);
    expect(told).toHaveLength(5);
    expect(() => createRuntime(options)).toThrow(
      expect.objectContaining({
        faults: error.faults.map(({ pointer, message }) => ({ pointer, message })),
      }) as never,
    );
  });

  it.each([
    ["a property twice", '{"port": 1, "port": 2}', 'is not valid JSON: The property "port" is given twice'],
    ["an empty host, which would be every address", { host: "" }, "/host: must not be empty"],
    ["an empty host from a file", { host: { file: "empty" } }, "/host: must not be empty"],
    ["an API key from an empty file", { apiKey: { file: "empty" } }, "/apiKey: must not be empty"],
    ["what every object inherits", { apiKey: { env: "toString" } }, "/apiKey: the environment has no toString"],
    ["a reference where a number is due", { port: { env: "PORT" } }, "/port: must be an integer, not a string"],
    ["no object", "[]", "#: must be an object, not an array"],
  ])("refuses %s", async (_what, config, message) => {
    const cwd = await folderWith(config);
    await writeFile(join(cwd, "empty"), "\n");
    const error = await refusal(readConfig({ env: { HOOKLINE_ENCRYPTION_KEY: key, PORT: "1" }, cwd }));
    expect(error.message).toContain(message);
  });

  it("follows a reference to the log level, and reads a file with a byte order mark", async () => {
    const cwd = await folderWith(`\uFEFF${JSON.stringify({ log: { level: { env: "LEVEL" } } })}`);
    expect(await readConfig({ env: { ...env, LEVEL: "warn" }, cwd })).toMatchObject({ logLevel: "warn" });
  });

  it.each(["0x1F90", "1e3", " 8080", "65536", "-1"])("refuses PORT=%s", async (port) => {
    const error = await refusal(readConfig({ env: { ...env, PORT: port }, cwd: await temporaryFolder() }));
    expect(error.message).toContain(`"${port}" is not a TCP port; give a whole number from 0 to 65535`);
  });

  it("does not say what is missing when a file cannot be read, for the file may have it", async () => {
    for (const cwd of [await folderWith("{port: 1}"), await temporaryFolder()]) {
      const error = await refusal(readConfig({ file: "hookline.config.json", env: { PORT: "x" }, cwd }));
      expect(error.faults.map(({ file, pointer }) => `${file}#${pointer}`)).toEqual([
        "hookline.config.json#",
        "environment#/PORT",
      ]);
    }
  });

  it("names the store alone to whoever needs nothing else", async () => {
    const cwd = await folderWith({ store: { env: "STORE" }, prot: 1 });
    expect(await readStore({ env: { STORE: "sqlite:./b.db" }, cwd })).toBe("sqlite:./b.db");
    expect(await readStore({ env: { DATABASE_URL: "sqlite:./c.db", STORE: "x" }, cwd })).toBe("sqlite:./c.db");
    expect((await refusal(readStore({ env: {}, cwd }))).message).toContain("/store: the environment has no STORE");
    expect((await refusal(readStore({ file: "no.json", env: {}, cwd }))).message).toContain("cannot be read (ENOENT)");
    const number = await refusal(readStore({ env: {}, cwd: await folderWith({ store: 7 }) }));
    expect(number.message).toContain("/store");
  });

  it("refuses a file that is not JSON, and one that is not there", async () => {
    const broken = await refusal(readConfig({ env, cwd: await folderWith("{port: 1}") }));
    expect(broken.message).toContain("hookline.config.json#: is not valid JSON");
    const absent = await refusal(readConfig({ file: "no.json", env, cwd: await temporaryFolder() }));
    expect(absent.message).toContain(
      "no.json#: cannot be read (ENOENT); give the path of a configuration file with --config",
    );
  });
});
