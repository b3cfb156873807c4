import { isDeepStrictEqual } from "node:util";
import type { ActionRecording, StreamRecording } from "../../schemas/recording.ts";
import { HooklineError } from "../core/errors.ts";
import { compileConnector } from "../manifest/connector.ts";
import type { LoadedManifest } from "../manifest/load.ts";
import type { NewEvent } from "../model/events.ts";
import { Bench, type Subject } from "./bench.ts";
import { Finding, type Case } from "./outcome.ts";
import { Script } from "./script.ts";

const DEFAULT_AFTER_SECONDS = 300;

/** Each recording of a stream, or of an action, played through the real runtime. */
export function recordingCases(subject: Subject, area: string): Case[] {
  const [kind, name] = area.split(" ");
  const { streams, actions } = subject.recordings;
  return kind === "stream"
    ? casesOf(
        area,
        streams,
        ({ stream }) => stream === name,
        (one) => playStream(subject, one),
      )
    : casesOf(
        area,
        actions,
        ({ action }) => action === name,
        (one) => playAction(subject, one),
      );
}

function casesOf<One>(
  area: string,
  recordings: ReadonlyMap<string, One>,
  isMeant: (one: One) => boolean,
  play: (one: One) => Promise<void>,
): Case[] {
  return [...recordings]
    .filter(([, one]) => isMeant(one))
    .map(([file, one]) => ({ area, name: `recording ${file}`, run: () => play(one) }));
}

/** The one stream, without the vendor's limits, which would be waited for, and with pages of the recording's size. */
function connectorOf(loaded: LoadedManifest, { stream, pageSize }: Pick<StreamRecording, "stream" | "pageSize">) {
  const manifest = structuredClone(loaded.manifest);
  const { streams = {}, triggers = {} } = manifest;
  const ofStream = Object.entries(triggers).filter(([, trigger]) => trigger.stream === stream);
  manifest.rateLimits = [];
  manifest.streams = { [stream]: streams[stream]! };
  manifest.triggers = Object.fromEntries(ofStream);
  manifest.actions = {};
  manifest.resources = {};
  const pagination = manifest.streams?.[stream]?.pagination;
  if (pageSize !== undefined && pagination && "pageSize" in pagination && pagination.pageSize)
    pagination.pageSize.value = pageSize;
  return compileConnector({ ...loaded, manifest });
}

async function playStream(subject: Subject, recording: StreamRecording): Promise<void> {
  const { start, connection, subscribe, always, polls } = recording;
  const connector = connectorOf(subject.original, recording);
  await using bench = await Bench.open({ ...subject, connector }, { start, captured: connection });
  for (const { trigger, input = {} } of subscribe) await bench.subscribe(trigger, { input });
  bench.events.length = 0;
  for (const [i, { afterSeconds = DEFAULT_AFTER_SECONDS, exchanges, tells, fails }] of polls.entries()) {
    const script = new Script(exchanges, always);
    bench.server.answer = (request) => script.answer(request);
    const events = await bench.poll(afterSeconds * 1000);
    const when = `poll ${i + 1}`;
    script.assertPlayed(when);
    const error = (await bench.streams()).find(({ lastError }) => lastError)?.lastError ?? undefined;
    if (error?.code !== fails) throw new Finding(`${when}: ${ending(error)}, not ${fails ?? "well"}`);
    const told = events.map(nameOf).toSorted();
    if (!isDeepStrictEqual(told, tells.toSorted()))
      throw new Finding(`${when}: told ${list(told)}; happened ${list(tells)}`);
  }
}

async function playAction(subject: Subject, recording: ActionRecording): Promise<void> {
  const { action, connection, input, exchanges, output, fails } = recording;
  const { actions } = subject.original.manifest;
  const manifest = { ...subject.original.manifest, streams: {}, triggers: {}, resources: {}, actions };
  const connector = compileConnector({ ...subject.original, manifest });
  await using bench = await Bench.open({ ...subject, connector }, { captured: connection });
  const script = new Script(exchanges);
  bench.server.answer = (request) => script.answer(request);
  let result: { output?: unknown; warnings?: { pointer: string; message: string }[] } = {};
  let error: HooklineError | undefined;
  try {
    result = await bench.actions.perform(bench.connection, action, input, { keySeed: "hookline-kit" });
  } catch (caught) {
    if (!(caught instanceof HooklineError)) throw caught;
    error = caught;
  }
  script.assertPlayed("the call");
  if (error?.code !== fails) throw new Finding(`the call ${ending(error)}, not ${fails ?? "well"}`);
  const [warning] = result.warnings ?? [];
  if (warning) throw new Finding(`output${warning.pointer} ${warning.message}`);
  const given: unknown = result.output === undefined ? undefined : JSON.parse(JSON.stringify(result.output));
  if (!isDeepStrictEqual(given, output))
    throw new Finding(`the output is ${JSON.stringify(given)}, not ${JSON.stringify(output)}`);
}

const nameOf = ({ type, recordKey }: NewEvent): string => (recordKey === null ? type : `${type} ${recordKey}`);
const list = (events: readonly string[]): string => events.join(", ") || "nothing";
const ending = (error: { code: string; message: string } | undefined): string =>
  error ? `ended with ${error.code} (${error.message})` : "ended well";
