import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import schema from "../../schemas/recording.schema.json" with { type: "json" };
import type { ActionRecording, StreamRecording } from "../../schemas/recording.ts";
import { unknownName, type Fault } from "../core/errors.ts";
import { isObject, parseJsonFile } from "../core/json.ts";
import type { LoadedManifest } from "../manifest/load.ts";
import { compileSchema } from "../manifest/validate.ts";

/** The recordings beside a manifest, by the names of their files without the extension. */
export interface Recordings {
  streams: ReadonlyMap<string, StreamRecording>;
  actions: ReadonlyMap<string, ActionRecording>;
}

const FOLDER = "recordings";
const validators = {
  stream: compileSchema({ ...schema, anyOf: [{ $ref: "#/$defs/streamRecording" }] }),
  action: compileSchema({ ...schema, anyOf: [{ $ref: "#/$defs/actionRecording" }] }),
};

/** Reads the recordings of a connector; none for a manifest that is not in a folder. Gives all their faults. */
export async function loadRecordings(loaded: LoadedManifest): Promise<{ recordings: Recordings; faults: Fault[] }> {
  const streams = new Map<string, StreamRecording>();
  const actions = new Map<string, ActionRecording>();
  const faults: Fault[] = [];
  const folder = loaded.directory === undefined ? undefined : join(loaded.directory, FOLDER);
  const files = folder !== undefined && existsSync(folder) ? (await readdir(folder)).sort() : [];
  for (const file of files.filter((name) => name.endsWith(".json"))) {
    const path = join(folder!, file);
    const read = await readRecording(path);
    const found = "fault" in read ? [read.fault] : faultsOf(loaded, read.document);
    const shown = relative(dirname(loaded.directory!), path);
    faults.push(...found.map((fault) => ({ file: shown, ...fault })));
    if (found.length > 0 || "fault" in read) continue;
    const name = basename(file, ".json");
    if (isOfAction(read.document)) actions.set(name, read.document as ActionRecording);
    else streams.set(name, read.document as StreamRecording);
  }
  return { recordings: { streams, actions }, faults };
}

async function readRecording(path: string): Promise<{ document: unknown } | { fault: Fault }> {
  try {
    return { document: parseJsonFile(await readFile(path, "utf8")) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { fault: { pointer: "", message: `is not valid JSON: ${error.message}` } };
  }
}

const isOfAction = (document: unknown): boolean => isObject(document) && "action" in document;

function faultsOf({ manifest }: LoadedManifest, document: unknown): Fault[] {
  const formal = validators[isOfAction(document) ? "action" : "stream"](document);
  if (formal.length > 0) return formal;
  const named = (pointer: string, what: string, name: string, names: object | undefined): Fault[] =>
    name in (names ?? {}) ? [] : [{ pointer, message: unknownName(what, name, Object.keys(names ?? {})) }];
  if (isOfAction(document)) return named("/action", "action", (document as ActionRecording).action, manifest.actions);
  const { stream, subscribe } = document as StreamRecording;
  const { triggers = {} } = manifest;
  return [
    ...named("/stream", "stream", stream, manifest.streams),
    ...subscribe.flatMap(({ trigger }, i) => {
      const pointer = `/subscribe/${i}/trigger`;
      const reads = triggers[trigger]?.stream;
      if (reads === undefined || reads === stream) return named(pointer, "trigger", trigger, triggers);
      return [{ pointer, message: `reads the stream ${reads}, and the recording is of ${stream}` }];
    }),
  ];
}
