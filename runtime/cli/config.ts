import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { Level } from "pino";
import type { Config } from "../../schemas/config.ts";
import type { Fault } from "../core/errors.ts";
import { isObject, parseJson } from "../core/json.ts";
import { packageRoot } from "../manifest/load.ts";
import { compileSchema } from "../manifest/validate.ts";
import { invalidConfig, optionFaults, urlFault, type RuntimeOptions } from "../options.ts";
import { resolveReferences } from "./references.ts";

/** What `hookline start` runs with: complete, every reference followed. */
export interface ServiceConfig {
  port: number;
  /** Undefined: every address of the machine. */
  host: string | undefined;
  logLevel: Level | "silent";
  runtime: RuntimeOptions;
}

export interface ConfigSources {
  /** Path of the configuration file; without one, `hookline.config.json` in `cwd` if there is one. */
  file?: string;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
}

const DEFAULT_FILE = "hookline.config.json";
const ENVIRONMENT = "environment";
const LOG_LEVELS: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

type Resolved = { [Name in keyof Config]?: Config[Name] extends number | undefined ? number : unknown } & {
  log?: Config["log"];
};

/**
 * Reads the configuration of the service. Port, store, API key and log level of the environment win over the file's;
 * `HOOKLINE_ENCRYPTION_KEY` replaces `encryptionKeys` when the file has none.
 *
 * @throws HooklineError `invalid_config` with every fault of file and environment, each with its remedy
 */
export async function readConfig({ file, env, cwd }: ConfigSources): Promise<ServiceConfig> {
  const path = file ?? (existsSync(join(cwd, DEFAULT_FILE)) ? DEFAULT_FILE : undefined);
  const faults: Fault[] = [];
  const config = path === undefined ? {} : await readFromFile(path, cwd, env, faults);

  const fromFile = Array.isArray(config.encryptionKeys);
  const encryptionKeys = (fromFile ? config.encryptionKeys : [env.HOOKLINE_ENCRYPTION_KEY]) as (string | undefined)[];
  const apiKey = (env.HOOKLINE_API_KEY || config.apiKey) as string | undefined;
  const port = readPort(env.PORT, faults) ?? config.port ?? 8080;
  const logLevel = readLogLevel(env.HOOKLINE_LOG_LEVEL, faults) ?? config.log?.level ?? "info";
  if (apiKey === undefined && !isFaulty(faults, "/apiKey")) {
    faults.push(missing("HOOKLINE_API_KEY", "callers of the API send it; any long random text will do"));
  }
  const returnTo = [config.returnTo ?? []].flat() as unknown[];
  for (const [index, url] of returnTo.entries()) {
    faults.push(...[...urlFault(`/returnTo/${index}`, url)].map((fault) => ({ file: path ?? "", ...fault })));
  }
  const runtime: RuntimeOptions = {
    store: env.DATABASE_URL || ((config.store ?? "sqlite:./hookline.db") as string),
    connectors: config.connectors as string[] | undefined,
    encryptionKeys,
    apiKey,
    baseUrl: (config.baseUrl as string | undefined)?.replace(/\/$/, ""),
    returnOrigins: returnTo.flatMap((url) => URL.parse(String(url))?.origin ?? []),
    clients: config.clients as RuntimeOptions["clients"],
    servers: config.servers as RuntimeOptions["servers"],
    network: config.network as RuntimeOptions["network"],
    retention: config.retention as RuntimeOptions["retention"],
    concurrency: config.concurrency as RuntimeOptions["concurrency"],
  };
  /** Where a faulty option comes from: the file, or a variable of the environment. */
  const placed = (fault: Fault): Fault => {
    const variable =
      (fault.pointer.startsWith("/encryptionKeys") && !fromFile && "HOOKLINE_ENCRYPTION_KEY") ||
      (fault.pointer === "/store" && env.DATABASE_URL && "DATABASE_URL") ||
      (fault.pointer === "/apiKey" && env.HOOKLINE_API_KEY && "HOOKLINE_API_KEY");
    return variable ? { ...fault, file: ENVIRONMENT, pointer: `/${variable}` } : { file: path ?? "", ...fault };
  };
  const known = (pointer: string): boolean =>
    isFaulty(faults, pointer) || isFaulty(faults, `/${pointer.split("/")[1]}`);
  faults.push(
    ...optionFaults(runtime)
      .map(placed)
      .filter(({ pointer }) => !known(pointer)),
  );
  if (faults.length > 0) throw invalidConfig("The configuration has", faults);
  return { port, host: config.host as string | undefined, logLevel, runtime };
}

async function readFromFile(path: string, cwd: string, env: ConfigSources["env"], faults: Fault[]): Promise<Resolved> {
  const absolute = resolve(cwd, path);
  const shown = relative(cwd, absolute);
  const add = (found: readonly Fault[]) => faults.push(...found.map((fault) => ({ file: shown, ...fault })));
  const document = await readDocument(absolute).catch((error: unknown) => {
    add([{ pointer: "", message: readProblem(error) }]);
    return {};
  });
  add(compileSchema(await configSchema())(document));
  const { value, faults: dangling } = await resolveReferences(document, { env, folder: dirname(absolute) });
  add(dangling);
  return isObject(value) ? value : {};
}

async function readDocument(file: string): Promise<unknown> {
  return parseJson((await readFile(file, "utf8")).replace(/^\uFEFF/, ""));
}

function readProblem(error: unknown): string {
  if (error instanceof SyntaxError) return `is not valid JSON: ${error.message}`;
  return `cannot be read (${(error as NodeJS.ErrnoException).code}); give the path of a configuration file with --config`;
}

async function configSchema(): Promise<object> {
  return (await readDocument(join(packageRoot(), "schemas", "config.schema.json"))) as object;
}

function readPort(text: string | undefined, faults: Fault[]): number | undefined {
  if (!text) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  faults.push({
    file: ENVIRONMENT,
    pointer: "/PORT",
    message: `"${text}" is not a TCP port; give a whole number from 0 to 65535`,
  });
  return undefined;
}

function readLogLevel(text: string | undefined, faults: Fault[]): ServiceConfig["logLevel"] | undefined {
  if (!text) return undefined;
  if (LOG_LEVELS.includes(text)) return text as ServiceConfig["logLevel"];
  const message = `"${text}" is not a level; use one of ${LOG_LEVELS.join(", ")}`;
  faults.push({ file: ENVIRONMENT, pointer: "/HOOKLINE_LOG_LEVEL", message });
  return undefined;
}

function isFaulty(faults: readonly Fault[], pointer: string): boolean {
  return faults.some((fault) => fault.pointer === pointer);
}

function missing(name: string, why: string): Fault {
  return { file: ENVIRONMENT, pointer: `/${name}`, message: `is missing: ${why}` };
}
