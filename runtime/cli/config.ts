import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Level } from "pino";
import type { Config } from "../../schemas/config.ts";
import configSchema from "../../schemas/config.schema.json" with { type: "json" };
import { addFaults, withFaults, type Fault } from "../core/errors.ts";
import { isObject, parseJsonFile } from "../core/json.ts";
import { compileSchema } from "../manifest/validate.ts";
import { optionFaults } from "../option-faults.ts";
import type { RuntimeOptions } from "../options.ts";
import { portOf } from "./options.ts";
import { resolveReferences } from "./references.ts";

/** What `hookline start` runs with: complete, every reference followed. */
export interface ServiceConfig {
  port: number;
  /** Undefined: every address of the machine. */
  host: string | undefined;
  logLevel: Level | "silent";
  runtime: RuntimeOptions;
  /** Variables of the environment that replace another value of the file, and the pointer of that. */
  overruled: { variable: string; pointer: string }[];
}

export interface ConfigSources {
  /** Path of the configuration file; without one, `hookline.config.json` in `cwd` if there is one. */
  file?: string;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
}

const DEFAULT_FILE = "hookline.config.json";
const ENVIRONMENT = "environment";
const BEGINNING = "The configuration has";
const { properties } = configSchema;

type Resolved = { [Name in keyof Config]?: Config[Name] extends number | undefined ? number : unknown } & {
  log?: Config["log"];
};

/**
 * Reads the configuration of the service. Port, store, API key and log level of the environment win over the file's;
 * `HOOKLINE_ENCRYPTION_KEY` replaces `encryptionKeys` when the file has none.
 *
 * @throws HooklineError `invalid_config` with every fault of file and environment, each with its remedy
 */
export async function readConfig(sources: ConfigSources): Promise<ServiceConfig> {
  const { env } = sources;
  const { path, config, faults } = await readFromFile(sources);
  const port = readPort(env.PORT, faults) ?? config?.port ?? 8080;
  const logLevel = readLogLevel(env.HOOKLINE_LOG_LEVEL, faults) ?? config?.log?.level ?? "info";
  // What a file that cannot be read would have said is not known, so nothing is said to be missing.
  if (config === undefined) throw withFaults("invalid_config", BEGINNING, faults);

  const fromFile = config.encryptionKeys !== undefined;
  const encryptionKeys = fromFile ? config.encryptionKeys : [env.HOOKLINE_ENCRYPTION_KEY];
  const apiKey = env.HOOKLINE_API_KEY || config.apiKey;
  if (apiKey === undefined) {
    const message = "is missing: callers of the API send it; any long random text will do";
    faults.push({ file: ENVIRONMENT, pointer: "/HOOKLINE_API_KEY", message });
  }
  const { port: _port, host, log: _log, $schema: _schema, ...options } = config;
  const runtime = { ...options, store: storeOf(config, env), encryptionKeys, apiKey };
  /** Where a faulty option comes from: the file, or a variable of the environment. */
  const placed = (fault: Fault): Fault => {
    const variable =
      (fault.pointer.startsWith("/encryptionKeys") && !fromFile && "HOOKLINE_ENCRYPTION_KEY") ||
      (fault.pointer === "/store" && env.DATABASE_URL && "DATABASE_URL") ||
      (fault.pointer === "/apiKey" && env.HOOKLINE_API_KEY && "HOOKLINE_API_KEY");
    return variable ? { ...fault, file: ENVIRONMENT, pointer: `/${variable}` } : { file: path ?? "", ...fault };
  };
  addFaults(faults, optionFaults(runtime).map(placed));
  if (faults.length > 0) throw withFaults("invalid_config", BEGINNING, faults);
  return {
    port,
    host: host as string | undefined,
    logLevel,
    runtime: runtime as RuntimeOptions,
    overruled: overruledBy(env, config),
  };
}

/**
 * The location of the store that {@link readConfig} gives, for commands that need nothing else.
 * @throws HooklineError `invalid_config` for a file that cannot be read, or names no store
 */
export async function readStore(sources: ConfigSources): Promise<string> {
  const { path, config, faults } = await readFromFile(sources);
  const store = config && storeOf(config, sources.env);
  const concerning = faults.filter(({ pointer }) => ["", "/store"].includes(pointer));
  if (typeof store === "string" && concerning.length === 0) return store;
  if (store !== undefined) addFaults(concerning, [{ file: path ?? "", pointer: "/store", message: "must be text" }]);
  throw withFaults("invalid_config", BEGINNING, concerning);
}

/** Where the environment and the file differ, of what both may give. */
function overruledBy(env: ConfigSources["env"], config: Resolved): ServiceConfig["overruled"] {
  const both = [
    { variable: "DATABASE_URL", pointer: "/store", inFile: config.store },
    { variable: "HOOKLINE_API_KEY", pointer: "/apiKey", inFile: config.apiKey },
    { variable: "PORT", pointer: "/port", inFile: config.port?.toString() },
    { variable: "HOOKLINE_LOG_LEVEL", pointer: "/log/level", inFile: config.log?.level },
  ];
  return both
    .filter(({ variable, inFile }) => env[variable] && inFile !== undefined && env[variable] !== inFile)
    .map(({ variable, pointer }) => ({ variable, pointer }));
}

function storeOf(config: Resolved, env: ConfigSources["env"]): unknown {
  return env.DATABASE_URL || (config.store ?? "sqlite:./hookline.db");
}

/** What a file says, with references followed, and what is wrong with it; no config when it cannot be read. */
async function readFromFile({ file, env, cwd }: ConfigSources): Promise<{
  path: string | undefined;
  config: Resolved | undefined;
  faults: Fault[];
}> {
  const path = file ?? (existsSync(join(cwd, DEFAULT_FILE)) ? DEFAULT_FILE : undefined);
  if (path === undefined) return { path, config: {}, faults: [] };
  const absolute = resolve(cwd, path);
  const placed = (fault: Fault): Fault => ({ file: path, ...fault });
  let document: unknown;
  try {
    document = parseJsonFile(await readFile(absolute, "utf8"));
  } catch (error) {
    return { path, config: undefined, faults: [placed({ pointer: "", message: readProblem(error) })] };
  }
  const { value, faults } = await resolveReferences(document, { env, folder: dirname(absolute) });
  addFaults(faults, compileSchema(configSchema)(value));
  return { path, config: isObject(value) ? value : undefined, faults: faults.map(placed) };
}

function readProblem(error: unknown): string {
  if (error instanceof SyntaxError) return `is not valid JSON: ${error.message}`;
  return `cannot be read (${(error as NodeJS.ErrnoException).code}); give the path of a configuration file with --config`;
}

function readPort(text: string | undefined, faults: Fault[]): number | undefined {
  if (!text) return undefined;
  const port = portOf(text);
  const message = `"${text}" is not a TCP port; give a whole number from 0 to 65535`;
  if (port === undefined) faults.push({ file: ENVIRONMENT, pointer: "/PORT", message });
  return port;
}

function readLogLevel(text: string | undefined, faults: Fault[]): ServiceConfig["logLevel"] | undefined {
  if (!text) return undefined;
  const found = compileSchema(properties.log.properties.level)(text);
  faults.push(...found.map((fault) => ({ ...fault, file: ENVIRONMENT, pointer: "/HOOKLINE_LOG_LEVEL" })));
  return text as ServiceConfig["logLevel"];
}
