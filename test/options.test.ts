import { describe, expect, it } from "vitest";
import { HooklineError } from "../runtime/core/errors.ts";
import { resolveOptions } from "../runtime/options.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { ENCRYPTION_KEY } from "./fixtures/compose.ts";

/** What createRuntime says of options that a program without types may hand in. */
function faultsOf(options: unknown): string[] {
  try {
    createRuntime(options as never);
    return [];
  } catch (error) {
    if (!(error instanceof HooklineError) || error.code !== "invalid_config") throw error;
    const said = error.faults.map(({ pointer, message }) => `${pointer} ${message}`);
    return said.filter((_, index) => error.message.includes(error.faults[index]!.message));
  }
}

describe("the options of a runtime", () => {
  it("are all refused at once, each with its place and its remedy", () => {
    expect(
      faultsOf({
        stroe: "sqlite:./x.db",
        connectors: ["google-contactss"],
        retention: { eventsDays: -1 },
        concurrency: { polls: 0 },
        baseUrl: "app.example",
        apiKey: "",
        network: { allow: ["intranet"] },
      }),
    ).toEqual([
      '/stroe unknown property "stroe"; did you mean "store"?',
      expect.stringMatching(/^\/network\/allow\/0 must match/),
      "/retention/eventsDays must be >= 1",
      "/concurrency/polls must be >= 1",
      "/apiKey must not be empty",
      '/baseUrl "app.example" is not an http(s) URL; write it like https://app.example/integrations',
      '/connectors/0 Connector "google-contactss" does not exist; did you mean "google-contacts"?; a manifest of your own is given by its path',
    ]);
  });

  it.each([
    [
      { store: "mysql://x", encryptionKeys: [ENCRYPTION_KEY] },
      "/store is not a known store; write sqlite:./hookline.db, sqlite::memory: or postgres://user@host/database",
    ],
    [
      { store: "sqlite:./x.db" },
      expect.stringContaining("/encryptionKeys is missing: credentials are stored encrypted; make a key with: node -e"),
    ],
    [{ encryptionKeys: ["short"] }, expect.stringContaining("/encryptionKeys/0 must be 32 bytes in base64 or hex")],
    [
      { clients: { "google-contact": { clientId: "a" } } },
      '/clients/google-contact Connector "google-contact" does not exist; did you mean "google-contacts"?',
    ],
    [
      { clients: { gmail: { client_id: "a", clientId: "a" } } },
      '/clients/gmail/client_id unknown property "client_id"; did you mean "clientId"?',
    ],
    [
      { servers: { gmail: { url: "x" } } },
      '/servers/gmail/url "x" is not an http(s) URL; write it like https://app.example/integrations',
    ],
    [{ modules: ["flow"] }, expect.stringMatching(/^\/modules\/0 .*flows/)],
    [{ logger: console }, "/logger must be a pino logger; it has no child, isLevelEnabled"],
    [{ authenticate: "me" }, "/authenticate must be a function (request) => principal or null"],
    [{ clock: {} }, "/clock must have now(), milliseconds since the epoch"],
    [null, " must be an object of options"],
    [{ apiKey: () => "key" }, "/apiKey must be plain data, as JSON has it"],
    [{ baseUrl: 1n }, "/baseUrl must be plain data, as JSON has it"],
    [{ connectors: [null] }, "/connectors/0 must be a string or object, not null"],
  ])("are refused: %o", (options, fault) => {
    expect(faultsOf(options)).toEqual([fault]);
  });

  it("may be left out, or be undefined, and then have their defaults", () => {
    const given = { concurrency: { polls: undefined }, network: { allow: undefined }, retention: undefined };
    const resolved = resolveOptions(given);
    expect(resolved).toMatchObject({
      store: "sqlite::memory:",
      concurrency: { polls: 64, deliveries: 128, perEndpoint: 32 },
      network: { allowPrivate: false, allow: [] },
      retention: { eventsDays: 30, deliveriesDays: 30 },
      baseUrl: "http://localhost:8080",
      modules: ["act", "sync", "flows"],
    });
    expect(resolved.connectors).toContain("google-contacts");
  });

  it("leave out keys that are undefined or empty, as of an environment that has none", () => {
    expect(resolveOptions({ encryptionKeys: [undefined, "", ENCRYPTION_KEY] }).encryptionKeys).toEqual([
      ENCRYPTION_KEY,
    ]);
  });
});

describe("an in-process consumer", () => {
  it("is refused at once when its pattern or function is none, before and after the start", async () => {
    await using runtime = createRuntime({ connectors: [] });
    const refused = () => runtime.on("contact created", () => {});
    expect(refused).toThrow(
      expect.objectContaining({
        code: "invalid_input",
        message: expect.stringContaining('on: "contact created" is not an event pattern'),
      }) as never,
    );
    await runtime.start();
    expect(refused).toThrow(HooklineError);
    expect(() => runtime.on("contact.created", undefined as never)).toThrow(
      new TypeError("on: the handler of contact.created is not a function; pass (event) => …"),
    );
  });
});
