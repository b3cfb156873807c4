import type { Clock } from "../../core/clock.ts";
import type { OAuthClient } from "../google/oauth.ts";
import { Random } from "../random.ts";
import { LimitCounter, type LimitSettings } from "./limits.ts";
import { notFound } from "./errors.ts";
import { HighLevelOAuth, type Access } from "./oauth.ts";
import seed from "./seed.json" with { type: "json" };

/** A record as it is kept: in the form HighLevel mostly shows it. */
export type Row = Record<string, unknown>;

/** What a test or a demonstration may change while the sandbox runs. */
export interface HighLevelSettings extends LimitSettings {
  /** Life of access tokens given out from now on, in seconds. */
  accessTokenSeconds: number;
  /** How long the contact search does not show a write, in milliseconds. */
  searchDelayMs: number;
}

const COLLECTIONS = [
  "contacts",
  "tasks",
  "notes",
  "calendars",
  "groups",
  "events",
  "appointmentNotes",
  "notifications",
  "resources",
  "opportunities",
  "pipelines",
  "users",
  "conversations",
  "messages",
  "emails",
  "businesses",
  "workflows",
  "snapshots",
  "campaigns",
  "locations",
  "customFields",
  "companies",
  "associations",
  "relations",
  "authors",
  "categories",
  "posts",
  "blogs",
] as const;
export type CollectionName = (typeof COLLECTIONS)[number];

const DAY_MS = 86_400_000;
const ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Records of one kind, in the order in which they were made. */
export class Collection {
  readonly #what: string;
  readonly rows = new Map<string, Row>();

  constructor(what: string) {
    this.#what = what;
  }

  list(where: Row = {}): Row[] {
    const wanted = Object.entries(where).filter(([, value]) => value !== undefined && value !== null);
    return [...this.rows.values()].filter((row) => wanted.every(([name, value]) => row[name] === value));
  }

  /** Throws HighLevel's 404. */
  get(id: string | undefined): Row {
    const row = this.rows.get(id ?? "");
    if (!row) throw notFound(this.#what, id ?? "");
    return row;
  }

  put(row: Row): Row {
    this.rows.set(String(row["id"] ?? row["_id"]), row);
    return row;
  }

  /** Throws HighLevel's 404. */
  change(id: string | undefined, changes: Row): Row {
    const given = Object.entries(changes).filter(([, value]) => value !== undefined);
    return this.put({ ...this.get(id), ...Object.fromEntries(given) });
  }

  /** Throws HighLevel's 404. */
  remove(id: string | undefined): Row {
    const row = this.get(id);
    this.rows.delete(id!);
    return row;
  }
}

/** The state of the simulated HighLevel: one agency with one location, and what is in it. */
export class HighLevel {
  readonly clock: Clock;
  readonly settings: HighLevelSettings;
  readonly oauth: HighLevelOAuth;
  readonly limits: LimitCounter;
  readonly collections: Readonly<Record<CollectionName, Collection>>;
  /** Recordings of calls, by the message's id. */
  readonly recordings = new Map<string, Buffer>();
  /** Sentences of calls that were transcribed, by the message's id. */
  readonly transcriptions = new Map<string, Row[]>();
  /** Locations that the app was taken out of, by id. */
  readonly #uninstalled = new Set<string>();
  readonly #random: Random;

  constructor(options: {
    clock: Clock;
    seed: number;
    settings: Partial<HighLevelSettings>;
    clients: readonly OAuthClient[];
  }) {
    this.clock = options.clock;
    this.settings = { burst: 100, daily: 200_000, accessTokenSeconds: 86_399, searchDelayMs: 0, ...options.settings };
    this.oauth = new HighLevelOAuth({ clock: this.clock, settings: this.settings, clients: options.clients });
    this.limits = new LimitCounter(this.clock, this.settings);
    this.#random = new Random(options.seed, "highlevel");
    this.collections = Object.fromEntries(COLLECTIONS.map((name) => [name, new Collection(name)])) as Record<
      CollectionName,
      Collection
    >;
    const now = this.clock.now();
    for (const name of COLLECTIONS) {
      for (const row of (seed as Record<string, Row[]>)[name] ?? []) this.collections[name].put(dated(row, now));
    }
    this.recordings.set("wS9hWnJ4dXzLq2TgYb7P", Buffer.from("RIFF\0\0\0\0WAVE"));
    this.transcriptions.set("wS9hWnJ4dXzLq2TgYb7P", [sentence("It works.")]);
  }

  /** The one location there is in the beginning. */
  get locationId(): string {
    return String(this.collections.locations.list()[0]!["id"]);
  }

  get companyId(): string {
    return String(this.collections.companies.list()[0]!["id"]);
  }

  /** What a person of the location, or of the agency, can grant. */
  access(userType: Access["userType"], scopes: Iterable<string>): Access {
    const userId = String(this.collections.users.list()[0]!["id"]);
    const locationId = userType === "Location" ? this.locationId : undefined;
    return { userType, companyId: this.companyId, locationId, userId, scopes: new Set(scopes) };
  }

  /** Whether the app is installed in a location, as it is wherever nobody took it out. */
  isInstalled({ id }: Row): boolean {
    return !this.#uninstalled.has(String(id));
  }

  /** Takes the app out of a location, whose tokens end; or back in. Throws HighLevel's 404. */
  install(locationId: string, isInstalled: boolean): void {
    this.collections.locations.get(locationId);
    if (isInstalled) return void this.#uninstalled.delete(locationId);
    this.#uninstalled.add(locationId);
    this.oauth.endLocation(locationId);
  }

  now(): string {
    return new Date(this.clock.now()).toISOString();
  }

  /** Twenty letters and digits. */
  newId(): string {
    return Array.from({ length: 20 }, () => ID_LETTERS[this.#random.below(ID_LETTERS.length)]).join("");
  }

  /** Twenty-four hexadecimal digits, as records have that come out of MongoDB by its own name `_id`. */
  newObjectId(): string {
    return Array.from({ length: 24 }, () => this.#random.below(16).toString(16)).join("");
  }
}

/** A row without some of its values. */
export function without(row: Row, ...names: readonly string[]): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));
}

export function sentence(transcript: string): Row {
  return { mediaChannel: 1, sentenceIndex: 0, startTime: 0, endTime: 1.4, transcript, confidence: 0.98 };
}

const PAST = [
  "dateAdded",
  "dateUpdated",
  "createdAt",
  "updatedAt",
  "publishedAt",
  "lastStatusChangeAt",
  "lastStageChangeAt",
];

/** A seed's record, as if it had been made a month ago; what is going to take place does so on the first working day in a week. */
function dated(row: Row, now: number): Row {
  const monthAgo = now - 30 * DAY_MS;
  const changes: Row = {};
  for (const name of PAST) {
    if (name in row) changes[name] = typeof row[name] === "number" ? monthAgo : new Date(monthAgo).toISOString();
  }
  if ("lastMessageDate" in row) changes["lastMessageDate"] = monthAgo;
  if ("startTime" in row) {
    const weekday = [7, 8, 9].map((days) => new Date(now + days * DAY_MS)).find((day) => day.getUTCDay() % 6 !== 0)!;
    const day = weekday.toISOString().slice(0, 10);
    const [start, end] = row["kind"] === "block" ? ["14", "17"] : ["09", "10"];
    changes["startTime"] = `${day}T${start}:00:00+00:00`;
    changes["endTime"] = `${day}T${end}:00:00+00:00`;
  }
  return { ...row, ...changes };
}
