import { dirname, join, relative, resolve, sep } from "node:path";
import { HooklineError, type Fault } from "../core/errors.ts";
import { atPointer, isObject, joinPointer } from "../core/json.ts";

/** Where a part really stands; `file` is absolute, and "" for a manifest given as an object. */
export interface Origin {
  file: string;
  pointer: string;
}

export interface BundlerOptions {
  /** The connector's folder: files outside it are refused. Undefined: there are no files. */
  directory: string | undefined;
  /** The package's schemas, which any connector may refer to. */
  shared: string;
  read: (file: string) => Promise<unknown>;
}

/** The places of JSON Schemas in a manifest; inside them `$ref` is JSON Schema's own. */
const SCHEMA_PLACES =
  /^\/(streams\/[^/]+\/(schema|input)|triggers\/[^/]+\/input|actions\/[^/]+\/(input|output)|authentication(\/oneOf\/\d+)?\/connectionInput)$/;

interface Target extends Origin {
  value: unknown;
}

/** One JSON Schema being bundled: what it refers to outside itself becomes its `$defs`. */
interface SchemaRoot {
  /** Where the schema itself stands; refs to places in it stay local. */
  origin: Origin;
  definitions: Map<string, { name: string; value: unknown }>;
  names: Set<string>;
  value: unknown;
}

/** Puts a manifest's files together into one document, collecting every fault on the way, in the order of the document. */
export class Bundler {
  readonly faults: Fault[] = [];
  readonly #options: BundlerOptions;
  readonly #documents = new Map<string, Promise<unknown>>();
  readonly #origins = new Map<string, Origin>();

  constructor(options: BundlerOptions) {
    this.#options = options;
  }

  async bundle(document: Record<string, unknown>, file: string): Promise<Record<string, unknown>> {
    this.#documents.set(file, Promise.resolve(document));
    const bundled = await this.#part(document, { file, pointer: "" }, "", []);
    return isObject(bundled) ? bundled : {};
  }

  /** The origin of a pointer into the bundled document: that of the nearest part above it that was put in. */
  locate(pointer: string): Origin {
    for (let above = pointer; ; above = above.slice(0, above.lastIndexOf("/"))) {
      const origin = this.#origins.get(above);
      if (origin) return { file: origin.file, pointer: origin.pointer + pointer.slice(above.length) };
      if (above === "") return { file: "", pointer };
    }
  }

  async #part(value: unknown, origin: Origin, place: string, following: readonly string[]): Promise<unknown> {
    if (SCHEMA_PLACES.test(place) && isObject(value)) return this.#schema(value, origin, place);
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (const [i, item] of value.entries()) {
        items.push(await this.#part(item, below(origin, i), joinPointer(place, i), following));
      }
      return items;
    }
    if (!isObject(value)) return value;
    if (place === "") this.#origins.set("", origin);
    if (typeof value["$ref"] === "string") return this.#included(value, origin, place, following);
    return this.#properties(value, origin, place, following);
  }

  async #properties(value: Record<string, unknown>, origin: Origin, place: string, following: readonly string[]) {
    const entries: [string, unknown][] = [];
    for (const [key, inner] of Object.entries(value)) {
      entries.push([key, await this.#part(inner, below(origin, key), joinPointer(place, key), following)]);
    }
    return Object.fromEntries(entries);
  }

  /** The target of a `$ref`; properties beside the `$ref` take the place of the target's. */
  async #included(
    value: Record<string, unknown>,
    origin: Origin,
    place: string,
    following: readonly string[],
  ): Promise<unknown> {
    const { $ref, ...beside } = value;
    const target = await this.#resolve(String($ref), origin);
    if (!target) return {};
    const id = `${target.file}#${target.pointer}`;
    if (following.includes(id)) {
      this.#fault(origin, `"$ref": "${String($ref)}" leads back to itself; only JSON Schemas may be recursive`);
      return {};
    }
    this.#origins.set(place, { file: target.file, pointer: target.pointer });
    const included = await this.#part(target.value, target, place, [...following, id]);
    if (Object.keys(beside).length === 0) return included;
    for (const key of Object.keys(beside)) this.#origins.set(joinPointer(place, key), below(origin, key));
    return { ...(isObject(included) ? included : {}), ...(await this.#properties(beside, origin, place, following)) };
  }

  async #schema(value: Record<string, unknown>, origin: Origin, place: string): Promise<unknown> {
    let root: Target = { ...origin, value };
    const seen = new Set<string>();
    while (
      isObject(root.value) &&
      typeof root.value["$ref"] === "string" &&
      Object.keys(root.value).length === 1 &&
      !isLocal(root.value)
    ) {
      const target = await this.#resolve(root.value["$ref"], root);
      if (!target || seen.has(`${target.file}#${target.pointer}`)) {
        if (target) this.#fault(root, `"$ref": "${root.value["$ref"]}" leads back to itself`);
        return {};
      }
      seen.add(`${target.file}#${target.pointer}`);
      root = target;
    }
    this.#origins.set(place, { file: root.file, pointer: root.pointer });
    const names = isObject(root.value) && isObject(root.value["$defs"]) ? Object.keys(root.value["$defs"]) : [];
    const context: SchemaRoot = { origin: root, definitions: new Map(), names: new Set(names), value: root.value };
    const bundled = await this.#schemaPart(root.value, root, context);
    if (context.definitions.size === 0 || !isObject(bundled)) return bundled;
    const added = Object.fromEntries(
      [...context.definitions.values()].map(({ name, value: definition }) => [name, definition]),
    );
    return { ...bundled, $defs: { ...(isObject(bundled["$defs"]) ? bundled["$defs"] : {}), ...added } };
  }

  async #schemaPart(value: unknown, origin: Origin, root: SchemaRoot): Promise<unknown> {
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (const [i, item] of value.entries()) items.push(await this.#schemaPart(item, below(origin, i), root));
      return items;
    }
    if (!isObject(value)) return value;
    const result: Record<string, unknown> = {};
    for (const [key, inner] of Object.entries(value)) {
      if ((key === "$id" || key === "$schema") && typeof inner === "string") continue; // would be another base for every $ref
      const isReference = key === "$ref" && typeof inner === "string";
      result[key] = isReference
        ? await this.#schemaRef(inner, origin, root)
        : await this.#schemaPart(inner, below(origin, key), root);
    }
    return result;
  }

  /** The reference to write instead: into the schema itself, or to the definition that holds what it refers to. */
  async #schemaRef(ref: string, origin: Origin, root: SchemaRoot): Promise<string> {
    if (ref === "#") return ref;
    const isOwn = origin.file === root.origin.file && isWithin(origin.pointer, root.origin.pointer);
    if (ref.startsWith("#/") && isOwn && atPointer(root.value, decoded(ref.slice(1))) !== undefined) return ref;
    const target = await this.#resolve(ref, origin);
    if (!target) return "#";
    if (target.file === root.origin.file && isWithin(target.pointer, root.origin.pointer)) {
      return `#${target.pointer.slice(root.origin.pointer.length)}`;
    }
    const id = `${target.file}#${target.pointer}`;
    const known = root.definitions.get(id);
    if (known) return definitionRef(known.name);
    const definition = { name: freeName(target, root.names), value: {} as unknown };
    root.definitions.set(id, definition);
    definition.value = await this.#schemaPart(target.value, target, root);
    return definitionRef(definition.name);
  }

  /** What a `$ref` refers to; undefined, with a fault, when it cannot be had. */
  async #resolve(ref: string, origin: Origin): Promise<Target | undefined> {
    const [path = "", fragment = ""] = ref.split("#", 2);
    const fault = (problem: string): undefined => {
      this.#fault(origin, `"$ref": "${ref}" ${problem}`);
    };
    if (/^[a-z][a-z0-9+.-]*:|^\/|^\\|%2e|\\/i.test(path))
      return fault("must be a relative path to a file beside the manifest");
    if (fragment !== "" && !fragment.startsWith("/"))
      return fault("needs a JSON Pointer after #, beginning with a slash");
    const file = path === "" ? origin.file : this.#fileOf(path, origin);
    if (file === undefined) return fault("leads out of the connector's folder; put what it needs beside the manifest");
    let document: unknown;
    try {
      document = await this.#read(file);
    } catch (error) {
      return fault(
        error instanceof HooklineError && !isMissing(error) ? error.message : "names a file that does not exist",
      );
    }
    const pointer = decoded(fragment);
    const value = atPointer(document, pointer);
    return value === undefined
      ? fault(`points to nothing; ${path || "the file"} has no ${pointer}`)
      : { file, pointer, value };
  }

  #fileOf(path: string, origin: Origin): string | undefined {
    const { directory, shared } = this.#options;
    if (directory === undefined) return undefined;
    const file = resolve(origin.file === "" ? directory : dirname(origin.file), path);
    return [directory, shared].some((folder) => isInside(file, resolve(folder))) ? file : undefined;
  }

  #read(file: string): Promise<unknown> {
    const known = this.#documents.get(file);
    if (known) return known;
    const document = this.#options.read(file);
    this.#documents.set(file, document);
    return document;
  }

  #fault(origin: Origin, message: string): void {
    this.faults.push({ ...(origin.file && { file: origin.file }), pointer: origin.pointer, message });
  }
}

function below(origin: Origin, key: string | number): Origin {
  return { file: origin.file, pointer: joinPointer(origin.pointer, key) };
}

/** A fragment without its percent-escapes; as it is when they are malformed. */
function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

function isLocal(schema: Record<string, unknown>): boolean {
  return schema["$ref"] === "#" || "$defs" in schema;
}

function isWithin(pointer: string, above: string): boolean {
  return pointer === above || pointer.startsWith(`${above}/`);
}

function isInside(file: string, folder: string): boolean {
  return file.startsWith(join(folder, sep)) && !relative(folder, file).startsWith("..");
}

function isMissing(error: HooklineError): boolean {
  return (error.cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
}

function definitionRef(name: string): string {
  return `#/$defs/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** The last name of the target's pointer, or the file's; numbered when taken. */
function freeName({ file, pointer }: Origin, taken: Set<string>): string {
  const base =
    pointer.split("/").pop() ||
    file
      .split(/[/\\]/)
      .pop()!
      .replace(/(\.schema)?\.json$/, "");
  let name = base;
  for (let n = 2; taken.has(name); n++) name = `${base}${n}`;
  taken.add(name);
  return name;
}
