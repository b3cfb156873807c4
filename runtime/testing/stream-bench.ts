import { isDeepStrictEqual } from "node:util";
import type { SendOptions } from "../accounts/client.ts";
import { atPointer, isObject } from "../core/json.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import type { CompiledRequest } from "../manifest/requests.ts";
import type { NewEvent } from "../model/events.ts";
import { assertMeant, Bench, KIT_EVENT, type BenchOptions, type Subject } from "./bench.ts";
import { exampleOf } from "./example.ts";
import { Forge } from "./forge.ts";
import { Listing, type BodyOf, type ListKind } from "./listing.ts";
import { Finding, Skip } from "./outcome.ts";
import { Seeds } from "./seeds.ts";
import { readTarget, type Incoming, type Reply } from "./server.ts";

interface Route {
  kind: ListKind;
  /** For which of the items, where the stream is read for each of a list. */
  item: number;
  request: Incoming;
}

const ONCE: SendOptions = { scope: "stream", kind: "read", retry: { max: 0, on: [] } };

/** More than any list of the kit has. */
const MANY_PAGES = 50;

/** Samples of a stream's records, as its triggers give them. */
export function samplesOf({ connector }: Subject, stream: string): { trigger: string; sample: unknown }[] {
  return [...connector.triggers.values()]
    .filter((trigger) => trigger.stream === stream && trigger.definition.sample !== undefined)
    .map(({ name, definition }) => ({ trigger: name, sample: definition.sample }));
}

/** The trigger of the kit's own on a stream. */
export const kitTrigger = (stream: string): string => `hookline_kit_${stream}`;

/** A bench whose vendor has one stream. */
export class StreamBench implements AsyncDisposable {
  readonly bench: Bench;
  readonly stream: CompiledStream;
  readonly forge: Forge;
  readonly listing: Listing;
  #routes: Route[] = [];

  private constructor(bench: Bench, stream: CompiledStream) {
    const { answers, recordings } = bench.subject;
    const samples = samplesOf(bench.subject, stream.name).map(({ sample }) => sample);
    const given = answers[stream.name] as BodyOf | undefined;
    const make = (records: readonly unknown[], bodyOf?: BodyOf) => {
      const forge = new Forge(stream, records);
      return { forge, listing: new Listing(stream, forge, bench.clock, bodyOf) };
    };
    let made = make(samples, given);
    if (!made.listing.readable && !given) {
      const seeds = new Seeds(stream, recordings);
      made = make([...seeds.records, ...samples], (records) => seeds.bodyOf(records));
    }
    if (!made.listing.readable) {
      throw new Skip(
        `not testable from the manifest: no answer can be made in which records.select finds records; add a recording of ${stream.name}, or give answers["${stream.name}"]`,
      );
    }
    this.bench = bench;
    this.stream = stream;
    this.forge = made.forge;
    this.listing = made.listing;
  }

  static async open(subject: Subject, name: string, options?: BenchOptions): Promise<StreamBench> {
    const bench = await Bench.open(subject, options);
    try {
      const opened = new StreamBench(bench, subject.connector.streams.get(name)!);
      await opened.#learnRoutes(exampleOf(opened.stream.definition.input ?? { type: "object" }));
      bench.server.answer = (request) => opened.#answer(request);
      return opened;
    } catch (error) {
      await bench[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bench[Symbol.asyncDispose]();
  }

  get single(): boolean {
    const { cursor } = this.stream.definition;
    return cursor.type === "snapshot" && cursor.single === true;
  }

  /**
   * The vendor has so many records, and the runtime knows them: from a first poll, which tells nobody, or, where a sequence
   * lists only changes, because each was reported. Gives their keys.
   */
  async begin(count: number, trigger?: string): Promise<string[]> {
    const create = () => Array.from({ length: this.single ? 1 : count }, () => this.listing.create());
    const news = this.stream.definition.cursor.type === "sequence";
    let keys = news ? [] : create();
    await this.bench.subscribe(kitTrigger(this.stream.name));
    if (trigger !== undefined) await this.#subscribe(trigger);
    await this.expect([], "a first poll is silent");
    if (news) {
      keys = create();
      await this.expect(
        keys.map((key) => `created ${key}`),
        "check cursor.from and cursor.to",
      );
    }
    if (new Set(keys).size < keys.length) {
      throw new Finding(`different records have the same key ${keys[0]}; correct records.primaryKey`);
    }
    return keys;
  }

  /** Whether an update is told: not where the version is of the key itself and no trigger asks for updates, as for lists of what is there. */
  get tellsUpdates(): boolean {
    const { primaryKey, versionKey } = this.stream.definition.records;
    const { fingerprint } = this.stream;
    const parts = [primaryKey].flat();
    const record = this.forge.create(1, 1, 0);
    const isOfKey = fingerprint
      ? parts.some((at) => isDeepStrictEqual(atPointer(record, at), fingerprint(record)))
      : parts.includes(versionKey ?? "");
    if (!isOfKey) return true;
    const triggers = [...this.bench.subject.connector.triggers.values()].filter(
      ({ stream, event }) => stream === this.stream.name && event !== KIT_EVENT,
    );
    return triggers.some(({ on }) => on === "updated" || typeof on === "object");
  }

  /** Changes records, or where updates are not told makes as many new ones; gives what is to be told. */
  alter(...keys: (string | undefined)[]): string[] {
    if (!this.tellsUpdates) return keys.map(() => `created ${this.listing.create()}`);
    for (const key of keys) this.listing.update(key!);
    return keys.map((key) => `updated ${key}`);
  }

  /** Polls, and compares what was told (`created <key>`, …) with what happened. A failed poll is a finding. */
  async expect(expected: readonly string[], remedy: string, polls = 1): Promise<NewEvent[]> {
    const events: NewEvent[] = [];
    for (let i = 0; i < polls; i++) {
      events.push(...(await this.bench.poll()));
      await this.assertPolled();
    }
    this.compare(events, expected, remedy);
    return events;
  }

  compare(events: readonly NewEvent[], expected: readonly string[], remedy: string): void {
    const told = events
      .filter(({ type }) => type === KIT_EVENT)
      .map(({ data, recordKey }) => `${String(data.change)} ${recordKey}`);
    if (told.toSorted().join("\n") === expected.toSorted().join("\n")) return;
    throw new Finding(
      `told: ${told.join(", ") || "nothing"}; happened: ${expected.join(", ") || "nothing"}; ${remedy}`,
    );
  }

  async assertPolled(): Promise<void> {
    const error = await this.lastError();
    if (error) throw new Finding(`the poll failed (${error.code}): ${error.message}`);
  }

  async lastError(): Promise<{ code: string; message: string } | undefined> {
    return (await this.bench.streams()).find(({ lastError }) => lastError)?.lastError ?? undefined;
  }

  /** Does something when the `nth` request for a page arrives, counted from now; may answer it. */
  atPage(nth: number, act: () => Reply | undefined): void {
    let pages = 0;
    this.bench.server.faults.push((request) => (!this.isList(request) || ++pages !== nth ? undefined : act()));
  }

  /** Whether a request is for a page of the stream's own list. */
  isList(request: Incoming): boolean {
    return this.#kindOf(request) === "list";
  }

  /** All of the stream's lists are answered so, until the server's faults are taken away. */
  listsAnswer(reply: Reply): void {
    this.bench.server.faults.push((request) => (this.isList(request) ? reply : undefined));
  }

  /** So is the list of one item, by its number. */
  listOfItemAnswers(item: number, reply: Reply): void {
    this.bench.server.faults.push((request) =>
      this.isList(request) && this.#routeOf(request)?.item === item ? reply : undefined,
    );
  }

  /** A record that is asked for by itself is answered so. */
  recordAnswers(key: string, reply: Reply): void {
    this.bench.server.faults.push((request) =>
      this.#kindOf(request) === "enrich" && this.listing.asked(request)?.key === key ? reply : undefined,
    );
  }

  /** The account gets a second list. */
  async secondItem(): Promise<void> {
    const item = this.listing.addItem();
    await this.#whileSilent(() =>
      this.#learnRoutes(exampleOf(this.stream.definition.input ?? { type: "object" }), item),
    );
  }

  /** What the stream's lists were asked with at a target, since they were last counted. */
  sent(target: string): unknown[] {
    return this.bench.server.requests
      .filter((request) => this.isList(request))
      .map((request) => readTarget(request, target));
  }

  /** Whatever page is asked for, the first one comes, until the vendor is asked too often. Gives how often it was. */
  stuck(): () => number {
    let first: Reply | undefined;
    let pages = 0;
    this.bench.server.faults.push((request) => {
      if (!this.isList(request)) return undefined;
      return ++pages > MANY_PAGES ? { status: 500 } : (first ??= this.listing.answer("list", request));
    });
    return () => pages;
  }

  #answer(request: Incoming): Reply {
    const kind = this.#kindOf(request);
    return kind === undefined
      ? { status: 404, body: { error: `nothing at ${request.path}` } }
      : this.listing.answer(kind, request, this.#routeOf(request)?.item);
  }

  /** Another input than the kit's own may lead to another address. */
  async #subscribe(name: string): Promise<void> {
    const { bench } = this;
    const { definition, streamInput } = bench.subject.connector.triggers.get(name)!;
    const input = exampleOf(definition.input ?? { type: "object" });
    const { values } = await bench.accounts.client(bench.connection);
    await this.#whileSilent(() => this.#learnRoutes(streamInput({ input, connection: values })));
    await bench.subscribe(name);
  }

  async #whileSilent(work: () => Promise<void>): Promise<void> {
    const { server } = this.bench;
    const { answer } = server;
    server.answer = () => ({});
    await work();
    server.answer = answer;
  }

  /** The vendor learns its own addresses from what the client library makes of the manifest's requests. */
  async #learnRoutes(input: unknown, item = this.listing.items[0]): Promise<void> {
    const { bench, stream } = this;
    const client = await bench.accounts.client(bench.connection);
    assertMeant(stream.requires, client.values);
    const scope = { input, connection: client.values, cursor: null, item };
    const { baseline, recover } = stream.cursor;
    const requests: [ListKind, CompiledRequest | undefined][] = [
      ["list", stream.request],
      ["baseline", baseline?.request],
      ["recover", recover?.request],
      ["each", stream.each?.request],
    ];
    for (const [kind, request] of requests) {
      if (!request) continue;
      await client.send(request(scope), ONCE);
      const at = kind === "list" ? this.listing.items.indexOf(item) : 0;
      this.#routes.push({ kind, item: at, request: bench.server.requests.at(-1)! });
    }
    bench.server.requests.length = 0;
  }

  #kindOf(request: Incoming): ListKind | undefined {
    return this.#routeOf(request)?.kind ?? (this.stream.enrich ? "enrich" : undefined);
  }

  #routeOf(request: Incoming): Route | undefined {
    const alike = ({ request: known }: Route) =>
      [...known.query].filter(([name, value]) => request.query.getAll(name).includes(value)).length;
    const routes = this.#routes.filter(
      ({ request: known }) => known.method === request.method && known.path === request.path,
    );
    return routes.sort((a, b) => alike(b) - alike(a))[0];
  }
}

/** A field that no manifest knows, as vendors add them. */
export function withUnknownField(record: unknown): unknown {
  return isObject(record) ? { ...record, hooklineKitUnknown: { kept: true } } : record;
}
