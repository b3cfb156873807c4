import configSchema from "../schemas/config.schema.json" with { type: "json" };
import { rangeFault } from "./core/addresses.ts";
import { createVault } from "./core/crypto.ts";
import { addFaults, HooklineError, unknownName, type Fault } from "./core/errors.ts";
import { isObject, joinPointer, plainFault, plainJson } from "./core/json.ts";
import { builtInConnectors, isManifestPath, unknownConnector } from "./manifest/load.ts";
import { compileSchema } from "./manifest/validate.ts";
import { moduleFaults } from "./modules.ts";
import { parseLocation } from "./store/location.ts";

/** The store of a runtime that is given none. */
export const MEMORY = "sqlite::memory:";

/** Options as they were given: of any form. */
type Given = Readonly<Record<string, unknown>>;

const text = { type: "string", minLength: 1 };
const { $schema: _schema, port: _port, host: _host, log: _log, ...shared } = configSchema.properties;

/** The configuration file's schema, without what only a service has, and with what only a program can give. */
const schema = {
  type: "object",
  additionalProperties: false,
  properties: {
    ...shared,
    connectors: { type: "array", uniqueItems: true, items: { type: ["string", "object"], minLength: 1 } },
    // Empty text is a variable that the environment does not have.
    encryptionKeys: { type: "array", items: { type: "string" } },
    authenticate: {},
    logger: {},
    clock: {},
  },
  $defs: { ...configSchema.$defs, text },
};

/** Functions and instances, of which {@link functionFaults} looks at what is used. */
const FUNCTIONS = new Set(["authenticate", "logger", "clock"]);

/** Everything that is wrong with options, each with its place, as far as it can be known before anything is opened. */
export function optionFaults(options: unknown): Fault[] {
  if (!isPlainObject(options)) return [{ pointer: "", message: "must be an object of options" }];
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  if (Array.isArray(given.encryptionKeys))
    given.encryptionKeys = given.encryptionKeys.map((key: unknown) => (key === undefined ? "" : key));
  const data = Object.entries(given).map(([name, value]) => [name, FUNCTIONS.has(name) ? null : value] as const);
  const faults: Fault[] = [];
  const add = (found: Iterable<Fault>): void => addFaults(faults, found);
  for (const [name, value] of data) {
    const fault = Object.hasOwn(schema.properties, name) ? plainFault(value) : undefined;
    if (fault !== undefined) add([{ ...fault, pointer: joinPointer("", name) + fault.pointer }]);
  }
  add(compileSchema(schema)(Object.fromEntries(data.map(([name, value]) => [name, plainJson(value) ?? null]))));
  add(storeFaults(given));
  add(keyFaults(given));
  add(apiKeyFaults(given));
  add(networkFaults(given));
  add(urlFaults(given));
  add(connectorFaults(given));
  add(moduleFaults(listOf(given.modules)));
  add(functionFaults(given));
  return faults;
}

/** True for an object that a literal, JSON or `Object.create(null)` made: its own properties are all there is to it. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

const MAKE_KEY = `node -e "console.log(require('node:crypto').randomBytes(32).toString('base64'))"`;

function* storeFaults({ store }: Given): Generator<Fault> {
  try {
    if (typeof store === "string") parseLocation(store);
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    yield* error.faults;
  }
}

function* keyFaults({ encryptionKeys, store = MEMORY }: Given): Generator<Fault> {
  const keys = listOf(encryptionKeys);
  if (keys.every((key) => key === "") && store !== MEMORY) {
    const message = `is missing: credentials are stored encrypted; make a key with: ${MAKE_KEY}`;
    yield { pointer: "/encryptionKeys", message };
  }
  for (const [index, key] of keys.entries()) {
    if (typeof key !== "string" || key === "" || isEncryptionKey(key)) continue;
    const message = `must be 32 bytes in base64 or hex; make a key with: ${MAKE_KEY}`;
    yield { pointer: `/encryptionKeys/${index}`, message };
  }
}

function isEncryptionKey(key: string): boolean {
  try {
    createVault([key]);
    return true;
  } catch {
    return false;
  }
}

function* apiKeyFaults({ apiKey }: Given): Generator<Fault> {
  if (typeof apiKey !== "string" || /^[!-~]*$/.test(apiKey)) return;
  const message = "cannot be sent in a header; use letters, digits and punctuation without blanks and line ends";
  yield { pointer: "/apiKey", message };
}

function* networkFaults({ network }: Given): Generator<Fault> {
  for (const [index, range] of listOf(isObject(network) && network.allow).entries()) {
    const message = typeof range === "string" ? rangeFault(range) : undefined;
    if (message !== undefined) yield { pointer: `/network/allow/${index}`, message };
  }
}

function* urlFaults({ baseUrl, returnOrigins, servers }: Given): Generator<Fault> {
  yield* urlFault("/baseUrl", baseUrl, "base");
  for (const [index, origin] of listOf(returnOrigins).entries())
    yield* urlFault(`/returnOrigins/${index}`, origin, "origin");
  for (const [name, server] of entriesOf(servers)) {
    for (const [part, url] of entriesOf(server))
      yield* urlFault(joinPointer(joinPointer("/servers", name), part), url, part === "url" ? "base" : "page");
  }
}

/** What may stand behind the host: nothing of an origin, a path of a base that paths are appended to, anything of a page. */
function* urlFault(pointer: string, text: unknown, kind: "origin" | "base" | "page"): Generator<Fault> {
  if (typeof text !== "string" || text === "") return;
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null;
  if (url === null) {
    const message = `${JSON.stringify(text)} is not an http(s) URL; write it like https://app.example/integrations`;
    yield { pointer, message };
  } else if (/\s/.test(text)) {
    yield { pointer, message: "has a blank or a line end; leave it out, or write it as %20" };
  } else if (url.username !== "" || url.password !== "") {
    yield { pointer, message: "carries credentials; leave them out" };
  } else if (kind === "base" && /[?#]/.test(text)) {
    yield { pointer, message: "has a query or a fragment, and paths are appended to it; leave both out" };
  } else if (kind === "origin" && url.href !== `${url.origin}/`) {
    yield { pointer, message: `leads to a page; give the origin alone, ${url.origin}` };
  }
}

/** Connectors given twice, and clients and servers of connectors that do not exist; those of one that is not loaded wait for it. What a manifest in a file is called is known when it is read. */
function* connectorFaults({ connectors = builtInConnectors(), clients, servers }: Given): Generator<Fault> {
  const named = listOf(connectors).map((source) => (isObject(source) ? source.name : source));
  for (const [index, name] of named.entries()) {
    if (typeof name !== "string" || isManifestPath(name)) continue;
    const pointer = `/connectors/${index}`;
    if (named.indexOf(name) < index) {
      yield { pointer, message: `${JSON.stringify(name)} is given twice; give each connector once` };
    } else if (listOf(connectors)[index] === name && !builtInConnectors().includes(name)) {
      yield { pointer, message: unknownConnector(name) };
    }
  }
  if (named.some((name) => typeof name !== "string" || isManifestPath(name))) return;
  const known = [...(named as string[]), ...builtInConnectors()];
  for (const [option, given] of Object.entries({ clients, servers })) {
    for (const [name] of entriesOf(given)) {
      if (known.includes(name)) continue;
      yield { pointer: joinPointer(`/${option}`, name), message: unknownName("connector", name, known) };
    }
  }
}

function* functionFaults({ authenticate, logger, clock }: Given): Generator<Fault> {
  if (authenticate !== undefined && typeof authenticate !== "function") {
    yield { pointer: "/authenticate", message: "must be a function (request) => principal or null" };
  }
  if (clock !== undefined && missing(clock, ["now"]).length > 0) {
    yield { pointer: "/clock", message: "must have now(), milliseconds since the epoch" };
  }
  const methods = logger === undefined ? [] : missing(logger, LOGGER);
  if (methods.length > 0) {
    yield { pointer: "/logger", message: `must be a pino logger; it has no ${methods.join(", ")}` };
  }
}

const LOGGER = ["debug", "info", "warn", "error", "child", "isLevelEnabled"];

/** The methods that an object lacks. */
function missing(object: unknown, methods: readonly string[]): string[] {
  const having = isObject(object) ? object : {};
  return methods.filter((name) => typeof having[name] !== "function");
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function entriesOf(value: unknown): [string, unknown][] {
  return isObject(value) ? Object.entries(value) : [];
}
