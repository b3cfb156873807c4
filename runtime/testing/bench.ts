import { randomBytes } from "node:crypto";
import { createActions, type Actions } from "../act/act.ts";
import { createAccounts, type Accounts } from "../accounts/accounts.ts";
import type { AuthenticationMethod } from "../../schemas/manifest.ts";
import { isIssuedType, methodsOf } from "../accounts/credentials.ts";
import { sealProofs } from "../accounts/proofs.ts";
import { ManualClock } from "../core/clock.ts";
import { createVault } from "../core/crypto.ts";
import type { Log } from "../core/log.ts";
import type { CompiledRequirement, Connector } from "../manifest/connector.ts";
import type { LoadedManifest } from "../manifest/load.ts";
import { SECOND_READ_MS } from "../poll/doubt.ts";
import { createConnectionFollower } from "../poll/follow.ts";
import { workPolls } from "../poll/poller.ts";
import { createSubscriptions, type Subscriptions } from "../poll/subscriptions.ts";
import { createWiring } from "../poll/wiring.ts";
import { readWhole } from "../read/whole.ts";
import type { Database } from "../store/database.ts";
import { noteProofs } from "../model/connection-upkeep.ts";
import { findConnection } from "../model/connections.ts";
import type { NewEvent } from "../model/events.ts";
import { migrate } from "../store/migrate.ts";
import { openDatabase } from "../store/open.ts";
import { streamsOfConnection, type StreamRecord } from "../model/streams.ts";
import { StepEngine } from "./engine.ts";
import { exampleOf } from "./example.ts";
import { exampleCredentials } from "./example-credentials.ts";
import { answerWith, merge } from "./invert.ts";
import { Skip } from "./outcome.ts";
import type { Recordings } from "./recordings.ts";
import { LIFETIME_SECONDS, VendorServer, type Login } from "./server.ts";

/** What is tested, made ready: small pages, no rate limits, and a trigger of the kit's own on every stream. */
export interface Subject {
  connector: Connector;
  /** The manifest as it was loaded. */
  original: LoadedManifest;
  recordings: Recordings;
  answers: Readonly<Record<string, unknown>>;
  log: Log;
}

export interface BenchOptions {
  /** Default in memory; a file outlives {@link Bench.crash}. */
  store?: string;
  /** When the account is connected; default {@link START}. */
  start?: string;
  /** What the token answer has of the values that the manifest captures; one of the kit's own for each that is not here. */
  captured?: Readonly<Record<string, string>>;
}

const MINUTE = 60_000;
/** The kit is its own browser. */
const SESSION = "session-of-the-kit";
/** Real time in which a poll's request is tried again: longer waits, as after a limit, are left to the next poll. */
const WITHIN_MS = 3_000;
const START = "2026-06-01T00:00:00Z";
/** The type of the events of the kit's own triggers. */
export const KIT_EVENT = "hookline_kit.any";

/** The real rooms of a runtime around one connection to a simulated vendor, on a clock that moves when told; nothing runs by itself. */
export class Bench implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly server: VendorServer;
  readonly subject: Subject;
  connection = "";
  accounts!: Accounts;
  actions!: Actions;
  subscriptions!: Subscriptions;
  db!: Database;
  /** Events since they were last taken. */
  events: NewEvent[] = [];
  /** Ids of all events so far: of two with one id, a store keeps the first. */
  readonly #told = new Set<string>();
  #engine = new StepEngine();
  readonly #store: string;
  readonly #key = randomBytes(32).toString("base64");
  readonly #subscribed: string[] = [];

  private constructor(subject: Subject, options: BenchOptions) {
    const { manifest } = subject.connector;
    const methods = methodsOf(manifest.authentication);
    const captures = methods.flatMap(({ capture }) => Object.entries(capture ?? {}));
    const { captured = {}, start = START, store = "sqlite::memory:" } = options;
    const fields = captures.map(([name, place]) => answerWith(place, captured[name] ?? `captured-${name}`)?.body);
    this.subject = subject;
    this.clock = new ManualClock(start);
    this.server = new VendorServer({
      clock: this.clock,
      guarded: hasTokens(meantMethod(methods).type),
      tokenFields: fields.reduce(merge, {}),
      login: loginOf(meantMethod(methods), fields),
    });
    this.server.answer = () => ({ body: fields.reduce(merge, {}) });
    this.#store = store;
  }

  static async open(subject: Subject, options: BenchOptions = {}): Promise<Bench> {
    const bench = new Bench(subject, options);
    await bench.server.start();
    try {
      await bench.#openRooms();
      await bench.#connectAccount();
    } catch (error) {
      await bench.server.stop();
      throw error;
    }
    return bench;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closeRooms();
    await this.server.stop();
  }

  async subscribe(
    trigger: string,
    more: { input?: Record<string, unknown>; firstPoll?: "emitAll" } = {},
  ): Promise<string> {
    const { definition } = this.subject.connector.triggers.get(trigger)!;
    const input = (more.input ?? exampleOf(definition.input ?? { type: "object" })) as Record<string, unknown>;
    const { id } = await this.subscriptions.create({
      connection: this.connection,
      trigger,
      input,
      firstPoll: more.firstPoll,
    });
    this.#subscribed.push(id);
    return id;
  }

  /** A minute later, every subscription is polled. Gives the events of it. */
  async poll(later = MINUTE): Promise<NewEvent[]> {
    await this.#read(later);
    const isDoubted = (await this.streams()).some(({ doubt }) => doubt?.isHeld === false);
    if (isDoubted) await this.#read(SECOND_READ_MS);
    const events = this.events;
    this.events = [];
    return events;
  }

  async #read(later: number): Promise<void> {
    this.clock.advance(later);
    for (const id of this.#subscribed) await this.subscriptions.poll(id);
    await this.#engine.run(this.db, this.clock.now());
  }

  async streams(): Promise<StreamRecord[]> {
    return await streamsOfConnection(this.db, this.connection);
  }

  /** The process dies while it polls: what it was about to commit is lost. Then another opens the same store. Gives the events it had committed. */
  async crash(polling: Promise<NewEvent[]>): Promise<NewEvent[]> {
    this.#engine.die();
    const events = await polling;
    await this.#closeRooms();
    await this.#openRooms();
    return events;
  }

  async #openRooms(): Promise<void> {
    const { connector, log } = this.subject;
    const { clock } = this;
    const db = (this.db = await openDatabase(this.#store, { log }));
    await migrate(db);
    const engine = (this.#engine = new StepEngine());
    const connectors = new Map([[connector.name, connector]]);
    const emit = async (tx: Parameters<StepEngine["enqueue"]>[0], events: readonly NewEvent[]): Promise<void> =>
      tx.afterCommit(() => {
        for (const event of events) {
          if (!this.#told.has(event.id)) this.events.push(event);
          this.#told.add(event.id);
        }
      });
    const context = { db, engine, connectors, vault: createVault([this.#key]), emit, clock, log, random: Math.random };
    this.subscriptions = createSubscriptions(context, { wiring: createWiring(context) });
    this.accounts = createAccounts(context, {
      clients: { [connector.name]: { clientId: "hookline-kit", clientSecret: "secret-of-the-kit" } },
      servers: { [connector.name]: this.server.overrides },
      network: { allowPrivate: false, allow: [] },
      baseUrl: "http://localhost:8080",
      returnOrigins: [],
      consent: "all",
      onStatus: createConnectionFollower(context),
      readAll: readWhole,
      retryBaseMs: 1,
    });
    const variablesOf = async () => ({ workspace: {}, user: {} });
    this.actions = createActions(context, { accounts: this.accounts, variablesOf });
    const { client: openClient } = this.accounts;
    const clientOf: typeof openClient = async (connection) => {
      const client = await openClient(connection);
      return { ...client, send: (request, options) => client.send(request, { withinMs: WITHIN_MS, ...options }) };
    };
    workPolls(context, { clientOf, variablesOf, releasesDeletions: true, concurrency: 1 });
  }

  async #closeRooms(): Promise<void> {
    await this.accounts.close();
    await this.db.close();
  }

  async #connectAccount(): Promise<void> {
    const { connector } = this.subject;
    const methods = methodsOf(connector.manifest.authentication);
    const method = meantMethod(methods);
    const inputs = exampleOf(method.connectionInput ?? { type: "object" }) as Record<string, unknown>;
    const credentials = isOAuth(method) ? undefined : { type: method.type, ...exampleCredentials(method) };
    const made = await this.accounts.create(
      { connector: connector.name, user: "kit", inputs, credentials },
      {},
      SESSION,
    );
    this.connection = made.id;
    this.server.grants.length = 0;
    if (made.authorizeUrl === undefined) return;
    const state = new URL(made.authorizeUrl).searchParams.get("state")!;
    await this.accounts.finishOAuth({ state, code: "code-of-the-kit" }, SESSION);
    await this.#prove();
    this.server.grants.length = 0;
  }

  /** Whose account it is, many an answer of the kit does not say; so it is not asked for beside what a case is about. */
  async #prove(): Promise<void> {
    const row = await findConnection(this.db, this.connection);
    if (row?.proofs !== null) return;
    const proofs = sealProofs(createVault([this.#key]), row, { account: { kit: "kit" }, grant: {} });
    await this.db.transaction((tx) => noteProofs(tx, row, { proofs, grants: [] }));
  }
}

/** Leaves out what asks for another kind of connection than the kit can make. */
export function assertMeant(requires: CompiledRequirement | undefined, values: Record<string, unknown>): void {
  if (requires && !requires.holds(values))
    throw new Skip(`the kit's connection is not of the kind it needs: ${requires.message}`);
}

const meantMethod = (methods: readonly AuthenticationMethod[]): AuthenticationMethod =>
  methods.find(isOAuth) ?? methods[0]!;

/** Whether the connection of the kit has a token that ends. */
export const hasTokens = (type: AuthenticationMethod["type"]): boolean => type === "oauth2" || isIssuedType(type);

/** The login of a session, where its answer can be made. */
function loginOf(method: AuthenticationMethod, fields: readonly unknown[]): Login | undefined {
  if (method.type !== "session") return undefined;
  const { login, token, expiresIn = [] } = method;
  const lifetimes = [expiresIn].flat().filter((place) => typeof place === "string");
  const times = lifetimes.map((place) => answerWith(place, LIFETIME_SECONDS)?.body ?? {});
  const [, cookie] = /^\$cookie#\/(.+)$/.exec(token) ?? [];
  const path = login.path.split(/\{[^}]*\}/).map((text) => RegExp.escape(text));
  return {
    path: new RegExp(`^/?${path.join("[^/]*").replace(/^\\?\//, "")}$`),
    answer: (given) => {
      const part =
        cookie === undefined ? answerWith(token, given) : { headers: { "set-cookie": `${cookie}=${given}; Path=/` } };
      return { ...part, body: [...fields, ...times, part?.body ?? {}].reduce(merge, {}) };
    },
  };
}

const isOAuth = ({ type }: { type: string }): boolean => type === "oauth2";
