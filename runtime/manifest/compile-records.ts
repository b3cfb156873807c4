import { hash } from "node:crypto";
import type { Records, Stream } from "../../schemas/manifest.ts";
import { storableText, textFault } from "../core/json.ts";
import { compilePointer } from "./expressions.ts";
import { ROOTS } from "./roots.ts";
import { compileSelect } from "./select.ts";
import type { Site } from "./site.ts";
import type { ResponseParts } from "./targets.ts";

/** What is known of a stream's records. */
export interface CompiledRecords {
  /**
   * The records of an answer: the first place that exists; a single object is a list of one.
   * @throws HooklineError `unexpected_answer` when the answer does not have the declared shape: to take it for an empty list
   *   would delete everything
   */
  readonly select: (response: ResponseParts) => readonly unknown[];
  /**
   * What identifies a record, or of a single record the input it was asked for by; undefined when any part of it is missing.
   * Several parts are joined by "|", which is escaped inside them; a part may be a list.
   */
  readonly key: (record: unknown, input?: unknown) => string | undefined;
  readonly version: ((record: unknown) => unknown) | undefined;
  /** What of the record matters. */
  readonly fingerprint: ((record: unknown) => unknown) | undefined;
  readonly previousKeys: ((record: unknown) => readonly string[]) | undefined;
  /** How the version of the manifest before knew a record; what is undefined was the same. */
  readonly former:
    | {
        readonly key: ((record: unknown) => string | undefined) | undefined;
        readonly version: ((record: unknown) => unknown) | undefined;
      }
    | undefined;
  readonly deleted: ((record: unknown) => boolean) | undefined;
  /** The watched values by name; null where the record has none. */
  readonly watch: ((record: unknown) => Record<string, unknown>) | undefined;
  /** Whether a record with these watched values is over. */
  readonly ended: ((watched: Record<string, unknown>) => boolean) | undefined;
  /** When the record last changed, as the vendor writes it. */
  readonly timestamp: ((record: unknown) => unknown) | undefined;
  /** When the record was created, as the vendor writes it. */
  readonly createdAt: ((record: unknown) => unknown) | undefined;
}

/** Compiles the records of a manifest's stream; `isSingle`: of one record, asked for by its id. @throws HooklineError `invalid_expression` */
export function compileRecords(records: Records, at: Site, isSingle = false): CompiledRecords {
  const timeOf = (name: "timestamp" | "createdAt"): CompiledRecords["timestamp"] => {
    if (records[name] === undefined) return undefined;
    const get = at.at(name).value(records[name], ROOTS.record, "record");
    // A record whose time cannot be read has none, and stops no other.
    return (record) => {
      try {
        return get({ record });
      } catch {
        return undefined;
      }
    };
  };
  return {
    select: compileSelect({ ...records, isSingle, isRecord: hasKeyPart(records.primaryKey) }, at),
    key: compileKey(records.primaryKey, at.at("primaryKey")),
    version: records.versionKey === undefined ? undefined : compilePointer(records.versionKey),
    fingerprint: records.fingerprint && at.at("fingerprint").jmespath(records.fingerprint.$expr),
    former: records.former && compileFormer(records.former, at.at("former")),
    previousKeys: records.previousKeys === undefined ? undefined : compilePreviousKeys(records.previousKeys),
    deleted: undefined,
    watch: undefined,
    ended: undefined,
    timestamp: timeOf("timestamp"),
    createdAt: timeOf("createdAt"),
  };
}

function compileKey(primaryKey: Records["primaryKey"], at: Site): CompiledRecords["key"] {
  if (typeof primaryKey === "string" && primaryKey.startsWith("$")) {
    const get = at.expression(primaryKey, ROOTS.primaryKey);
    return (_record, input) => keyPart(get({ input }));
  }
  if (typeof primaryKey === "string") {
    const get = compilePointer(primaryKey);
    return (record) => keyPart(get(record));
  }
  const getters = primaryKey.map(compilePointer);
  return (record) => {
    const parts = getters.map((get) => keyPart(get(record)));
    return parts.includes(undefined) ? undefined : parts.map((part) => part!.replaceAll(/[\\|]/g, "\\$&")).join("|");
  };
}

/** Whether an object has some part of its key; the others may be of the item in whose list it is, or come with its enrichment. */
function hasKeyPart(primaryKey: Records["primaryKey"]): (found: unknown) => boolean {
  const pointers = [primaryKey].flat();
  if (pointers.some((pointer) => pointer.startsWith("$"))) return () => true;
  const getters = pointers.map(compilePointer);
  return (found) => getters.some((get) => (get(found) ?? null) !== null);
}

function keyPart(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : storableKey(value);
  if (Array.isArray(value) && value.length > 0) return storableKey(JSON.stringify(value));
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function compileFormer(
  { primaryKey, versionKey, fingerprint }: NonNullable<Records["former"]>,
  at: Site,
): CompiledRecords["former"] {
  return {
    key: primaryKey === undefined ? undefined : compileKey(primaryKey, at.at("primaryKey")),
    version: fingerprint
      ? at.at("fingerprint").jmespath(fingerprint.$expr)
      : versionKey === undefined
        ? undefined
        : compilePointer(versionKey),
  };
}

/** A key with what no store can keep would stop its whole stream: it is marked, and told apart from others by its hash. */
function storableKey(key: string): string {
  if (textFault(key) === undefined) return key;
  return `${storableText(key)}~${hash("sha256", JSON.stringify(key), "base64url").slice(0, 11)}`;
}

function compilePreviousKeys(pointer: string): (record: unknown) => readonly string[] {
  const get = compilePointer(pointer);
  return (record) => [get(record)].flat().flatMap((key) => keyPart(key) ?? []);
}

/** The watched values of a stream's records, by name. @throws HooklineError `invalid_expression` */
export function compileWatch(watch: NonNullable<Stream["watch"]>, at: Site): CompiledRecords["watch"] {
  const watches = Object.entries(watch).map(([name, expression]) => [name, at.at(name).jmespath(expression)] as const);
  return (record) => Object.fromEntries(watches.map(([name, evaluate]) => [name, evaluate(record)]));
}
