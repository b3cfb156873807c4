import { describe, expect, it } from "vitest";
import { HooklineError } from "../runtime/core/errors.ts";
import { MODULES } from "../runtime/modules.ts";
import { resolveOptions } from "../runtime/options.ts";
import { createRuntime } from "../runtime/runtime.ts";
import configSchema from "../schemas/config.schema.json" with { type: "json" };
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
  it("say what becomes of deletions that are held, and name each module there is", () => {
    expect(resolveOptions({}).unusualDeletions).toBe("release");
    expect(resolveOptions({ unusualDeletions: "hold" }).unusualDeletions).toBe("hold");
    expect(faultsOf({ unusualDeletions: "never" })).toEqual(['/unusualDeletions must be one of "release", "hold"']);
    expect(configSchema.properties.modules.items.enum).toEqual(MODULES);
  });

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
      "/apiKey must not be empty",
      expect.stringMatching(/^\/network\/allow\/0 must match .*, for example "10.1.0.0\/16"$/),
      "/retention/eventsDays must be at least 1",
      "/concurrency/polls must be at least 1",
      '/baseUrl "app.example" is not an http(s) URL; write it like https://app.example/integrations',
      '/connectors/0 Connector "google-contactss" does not exist; did you mean "google-contacts"? A manifest of your own is given by its path',
    ]);
  });

  it.each([
    [
      { store: "mysql://x", encryptionKeys: [ENCRYPTION_KEY] },
      "/store is not a known location; use sqlite:./hookline.db for a file, sqlite::memory: for memory alone, or postgres://user@host/database",
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
    [{ apiKey: () => "key" }, "/apiKey is a function, which JSON cannot carry; give plain data"],
    [{ baseUrl: 1n }, "/baseUrl is a bigint, which JSON cannot carry; give plain data"],
    [{ connectors: [null] }, "/connectors/0 must be a string or object, not null"],
    [{ connectors: [undefined] }, "/connectors/0 is undefined, which JSON cannot carry; give plain data"],
    [{ connectors: ["gmail", "gmail"] }, "/connectors has the same item twice, at 0 and 1"],
    [{ connectors: ["gmail", { name: "gmail" }] }, '/connectors/1 "gmail" is given twice; give each connector once'],
    [
      { connectors: ["outlok-365-xyzzy-quux"] },
      expect.stringMatching(/^\/connectors\/0 .* does not exist; built in are gmail, .*\. A manifest of your own/),
    ],
    [{ modules: ["flows"] }, '/modules/0 "flows" needs "act"; add it, or leave both out'],
    [{ encryptionKeys: [null] }, "/encryptionKeys/0 must be a string, not null"],
    [
      { store: "postgres://host/db?poolSize=0", encryptionKeys: [ENCRYPTION_KEY] },
      '/store has a poolSize of "0"; give a whole number from 1 to 1000',
    ],
    [
      { store: "sqlite://hookline.db", encryptionKeys: [ENCRYPTION_KEY] },
      "/store begins with sqlite://; write sqlite:./hookline.db, or sqlite:/var/lib/hookline.db",
    ],
    [{ encryptionKeys: [undefined, "short"] }, expect.stringContaining("/encryptionKeys/1 must be 32 bytes")],
    [
      { network: { allow: ["10.0.0.0/99"] } },
      '/network/allow/0 "10.0.0.0/99" is not a CIDR range; write it like 10.1.0.0/16',
    ],
    [{ network: { allow: ["10/8"] } }, '/network/allow/0 "10/8" is not a CIDR range; write it like 10.1.0.0/16'],
    [
      { baseUrl: "https://app.example/?tenant=1" },
      "/baseUrl has a query or a fragment, and paths are appended to it; leave both out",
    ],
    [{ baseUrl: "https://app.example#x" }, expect.stringContaining("/baseUrl has a query or a fragment")],
    [{ baseUrl: "https://me:secret@app.example" }, "/baseUrl carries credentials; leave them out"],
    [{ baseUrl: "https://app.example/a b" }, "/baseUrl has a blank or a line end; leave it out, or write it as %20"],
    [{ baseUrl: "https://app.example " }, "/baseUrl has a blank or a line end; leave it out, or write it as %20"],
    [{ baseUrl: "https://app.example/a\tb" }, expect.stringContaining("/baseUrl has a blank or a line end")],
    [{ baseUrl: "https:app.example" }, expect.stringContaining('"https:app.example" is not an http(s) URL')],
    [
      { returnOrigins: ["https://app.example/after"] },
      "/returnOrigins/0 leads to a page; give the origin alone, https://app.example",
    ],
    [{ apiKey: "two words\n" }, expect.stringContaining("/apiKey cannot be sent in a header")],
    [new Map([["store", "sqlite:./x.db"]]), " must be an object of options"],
    [new Date(), " must be an object of options"],
    [new URL("https://app.example"), " must be an object of options"],
    [Object.create({ baseUrl: "https://a.example" }), " must be an object of options"],
    [{ retention: new Map([["eventsDays", 1]]) }, "/retention is a Map, which JSON cannot carry; give plain data"],
    [
      { retention: { eventsDays: () => 1 } },
      "/retention/eventsDays is a function, which JSON cannot carry; give plain data",
    ],
    [{ concurrency: { polls: Number.NaN } }, "/concurrency/polls is NaN, which JSON cannot carry; give plain data"],
    [{ apiKey: "a\0b" }, "/apiKey has the character U+0000, which cannot be stored; remove it"],
    [{ stroe: () => "x" }, '/stroe unknown property "stroe"; did you mean "store"?'],
  ])("are refused: %o", (options, fault) => {
    expect(faultsOf(options)).toEqual([fault]);
  });

  it("are all told, also where one thing has several", () => {
    const clients = { "google-contact": { client_id: "a" } };
    expect(faultsOf({ clients, servers: { gmail: { url: "x", tokenURL: "https://a.example" } } })).toEqual([
      "/clients/google-contact/clientId is required",
      '/clients/google-contact/client_id unknown property "client_id"; did you mean "clientId"?',
      '/servers/gmail/tokenURL unknown property "tokenURL"; did you mean "tokenUrl"?',
      '/servers/gmail/url "x" is not an http(s) URL; write it like https://app.example/integrations',
      expect.stringMatching(/^\/clients\/google-contact Connector "google-contact" does not exist/),
    ]);
  });

  it("name each module that another needs, beside names of none", () => {
    expect(faultsOf({ modules: ["flows", "mail", "sync"] })).toEqual([
      expect.stringMatching(/^\/modules\/1 must be one of/),
      '/modules/0 "flows" needs "act"; add it, or leave both out',
      '/modules/2 "sync" needs "act"; add it, or leave both out',
    ]);
  });

  it("stay as they were checked, whatever the host does with its object", () => {
    const options = { connectors: ["gmail"], network: { allow: ["10.0.0.0/8"] } };
    const resolved = resolveOptions(options);
    options.connectors.push("nope");
    options.network.allow[0] = "0.0.0.0/0";
    expect(resolved).toMatchObject({ connectors: ["gmail"], network: { allow: ["10.0.0.0/8"] } });
  });

  it("take an origin with the slash that browsers show behind it", () => {
    expect(resolveOptions({ returnOrigins: ["https://App.example/"] }).returnOrigins).toEqual(["https://app.example"]);
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
  it("is refused at once when its name is taken, before the start too", () => {
    const runtime = createRuntime({ connectors: [] });
    runtime.on("contact.*", { name: "mine" }, () => {});
    expect(() => runtime.on("note.*", { name: "mine" }, () => {})).toThrow(
      new TypeError('on: a consumer named "mine" exists; give each its own name'),
    );
  });

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
