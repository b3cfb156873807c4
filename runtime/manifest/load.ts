import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { Manifest } from "../../schemas/manifest.ts";
import { HooklineError, nearest, formatFault, unknownName, type Fault } from "../core/errors.ts";
import { isObject, parseJsonFile } from "../core/json.ts";
import { Bundler, type Origin } from "./bundle.ts";

/** A manifest in one piece, with the memory of where each part stood. */
export interface LoadedManifest {
  /** Bundled; as it was written, so it may have faults until {@link checkManifest} finds none. */
  readonly manifest: Manifest;
  /** The file it was read from; undefined for an object. */
  readonly file: string | undefined;
  /** The folder of its icon and flows; undefined for an object without `cwd`. */
  readonly directory: string | undefined;
  /** File and pointer at which a part of the bundled manifest really stands. */
  locate(pointer: string): Origin;
}

export interface LoadOptions {
  /** Folder that paths start from, the process's by default; for an object the folder of its `$ref`s, without which it may have none to files. */
  cwd?: string;
}

/** The folder of Hookline's package.json: the same from the sources and from dist/. */
export function packageRoot(start: string = import.meta.dirname): string {
  let folder = start;
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new HooklineError("internal", `No package.json above ${start}; install the package as a whole`);
    folder = parent;
  }
  return folder;
}

let builtIn: readonly string[] | undefined;

/** Names of the connectors that come with the package. */
export function builtInConnectors(): readonly string[] {
  const folder = join(packageRoot(), "connector");
  return (builtIn ??= readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, "manifest.json")))
    .sort());
}

/** Built-in manifests by name: nobody changes them while a process runs. */
const loaded = new Map<string, Promise<LoadedManifest>>();

/**
 * Reads a manifest and bundles its parts: a built-in connector by name, a file by path, or the manifest itself.
 *
 * @throws HooklineError `not_found` when there is no such connector or file, `invalid_manifest` when it is no JSON or a `$ref` leads nowhere (all such faults in `faults`)
 */
export async function loadManifest(source: string | object, options: LoadOptions = {}): Promise<LoadedManifest> {
  if (typeof source === "object") return bundle(undefined, options.cwd, structuredClone(source));
  const file = await findFile(source, options.cwd ?? process.cwd());
  const read = async () => bundle(file, dirname(file), await readJson(file, source));
  if (!builtInConnectors().includes(source)) return read();
  const known = loaded.get(source) ?? read();
  loaded.set(source, known);
  return known;
}

/** Whether a source is the path of a manifest rather than the name of a built-in connector. */
export function isManifestPath(source: string): boolean {
  return /[/\\]|\.json$/.test(source);
}

async function findFile(source: string, cwd: string): Promise<string> {
  if (isManifestPath(source)) {
    const file = resolve(cwd, source);
    if (!existsSync(file))
      throw new HooklineError("not_found", `Manifest ${source} does not exist; give its path from ${cwd}`);
    return file;
  }
  if (builtInConnectors().includes(source)) return join(packageRoot(), "connector", source, "manifest.json");
  throw new HooklineError("not_found", unknownConnector(source));
}

/** That no connector of this name comes with the package, and what to do. */
export function unknownConnector(name: string): string {
  const names = builtInConnectors();
  const which = nearest(name, names) === undefined ? `; built in are ${names.join(", ")}.` : "";
  return `${unknownName("connector", name, names)}${which} A manifest of your own is given by its path`;
}

async function readJson(file: string, shown: string): Promise<unknown> {
  try {
    return parseJsonFile(await readFile(file, "utf8"));
  } catch (cause) {
    const { code, message: reason } = cause as NodeJS.ErrnoException;
    const message =
      cause instanceof SyntaxError
        ? `is not valid JSON: ${reason}`
        : `cannot be read (${code}); give the path of a manifest file`;
    throw new HooklineError("invalid_manifest", `${shown}: ${message}`, {
      cause,
      faults: [{ file: shown, pointer: "", message }],
    });
  }
}

async function bundle(
  file: string | undefined,
  directory: string | undefined,
  document: unknown,
): Promise<LoadedManifest> {
  if (!isObject(document))
    throw new HooklineError("invalid_manifest", `${file ?? "manifest"}: it must be a JSON object`);
  const shared = join(packageRoot(), "schemas");
  const show = (path: string) => (directory ? relative(dirname(directory), path) : path);
  const bundler = new Bundler({ directory, shared, read: (path) => readJson(path, show(path)) });
  const manifest = (await bundler.bundle(document, file ?? "")) as unknown as Manifest;
  const faults: Fault[] = bundler.faults.map((fault) => ({ ...fault, ...(fault.file && { file: show(fault.file) }) }));
  if (faults.length > 0) {
    throw new HooklineError(
      "invalid_manifest",
      `The manifest cannot be put together:\n${faults.map(formatFault).join("\n")}`,
      { faults },
    );
  }
  return {
    manifest,
    file,
    directory,
    locate: (pointer) => {
      const origin = bundler.locate(pointer);
      return { file: origin.file && show(origin.file), pointer: origin.pointer };
    },
  };
}
