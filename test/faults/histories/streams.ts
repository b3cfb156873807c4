/** The streams of the model vendor: one for each way in which manifests read lists. */

/** What is known of a stream beside its manifest, for the vendor and for the judge. */
export interface Strategy {
  /** How a deletion comes to be known: the list shows it, or a complete read of each poll or of now and then; or it does not. */
  deletions: "shown" | "compared" | "verified" | "unseen";
  /** Whether a record that was renamed or merged names the keys it had before. */
  namesPreviousKeys: boolean;
  /** For how long the vendor keeps what has changed, as declared, milliseconds. */
  keptMs: number;
  /** Milliseconds after which a complete read has certainly come. */
  verifiedMs: number;
  /** Whether a page lists records by their place, so that one can slip through when an earlier one goes. */
  slips: boolean;
  /** Whether the order of the answer is part of the agreement. */
  isOrdered: boolean;
  /** Whether the stream is read once for each of several lists. */
  hasLists: boolean;
  /** Whether a record from before the first read is not known by it. */
  beginsUnread: boolean;
}

const DAY = 86_400_000;
const plain: Strategy = {
  deletions: "compared",
  namesPreviousKeys: false,
  keptMs: Infinity,
  verifiedMs: 0,
  slips: false,
  isOrdered: false,
  hasLists: false,
  beginsUnread: false,
};

const STRATEGIES = {
  token: { ...plain, deletions: "shown", namesPreviousKeys: true, keptMs: 6 * DAY },
  tombstones: { ...plain, deletions: "shown", keptMs: 2 * DAY },
  since: { ...plain, deletions: "verified", verifiedMs: DAY },
  flagged: { ...plain, deletions: "shown", keptMs: 2 * DAY },
  keyset: { ...plain, deletions: "verified", verifiedMs: 7 * DAY, isOrdered: true },
  whole: plain,
  shifting: { ...plain, slips: true },
  lists: { ...plain, hasLists: true },
  list_tokens: { ...plain, deletions: "shown", hasLists: true },
  // What a log of changes says of a record depends on what it says first.
  history: { ...plain, deletions: "shown", isOrdered: true, beginsUnread: true },
  window: { ...plain, deletions: "unseen" },
  newest: { ...plain, deletions: "unseen" },
  descending: { ...plain, deletions: "verified", verifiedMs: DAY, isOrdered: true },
} satisfies Record<string, Strategy>;

export type Kind = keyof typeof STRATEGIES;
export const KINDS = Object.keys(STRATEGIES) as Kind[];
export const strategyOf = (kind: Kind): Strategy => STRATEGIES[kind];

const records = {
  select: "$response.body#/items",
  primaryKey: "/id",
  fingerprint: { $expr: "[value, list.id, enrichmentError]" },
};
const paged = { type: "token", from: "$response.body#/page", to: "query.page", maxPages: 2 };
const list = { method: "GET", path: "/list" };
const ofList = { method: "GET", path: "/list", query: { list: "$item.id" } };
const each = {
  request: { method: "GET", path: "/lists" },
  select: "$response.body#/items",
  into: "list",
};
const deleted = "deleted == `true`";
const time = "$record#/updated";
const syncToken = { type: "syncToken", from: "$response.body#/next", to: "query.token" };

const definitions: Record<Kind, object> = {
  token: { cursor: { ...syncToken, maxAge: "P6D" }, deleted, records: { ...records, previousKeys: "/previous" } },
  tombstones: { cursor: syncToken, deleted, tombstones: "P2D" },
  since: { cursor: { type: "updatedSince", from: time, to: "query.since", overlapSeconds: 5 }, verifyEvery: "P1D" },
  flagged: {
    cursor: { type: "updatedSince", from: time, to: "query.since", overlapSeconds: 60 },
    deleted,
    tombstones: "P2D",
  },
  keyset: {
    cursor: { type: "keyset", values: [time, "$record#/id"], to: ["query.after", "query.afterId"], overlapSeconds: 2 },
    pagination: {
      type: "keyset",
      from: ["$lastRecord#/updated", "$lastRecord#/id"],
      to: ["query.after", "query.afterId"],
    },
  },
  whole: { cursor: { type: "snapshot" } },
  shifting: {
    cursor: { type: "snapshot" },
    records: { select: records.select, primaryKey: "/id", versionKey: "/version" },
    pagination: { type: "offset", to: "query.offset", pageSize: { param: "query.limit", value: 3 } },
  },
  lists: { cursor: { type: "snapshot" }, each, request: ofList },
  list_tokens: { cursor: { ...syncToken, per: "item" }, each, request: ofList, deleted },
  history: {
    cursor: {
      type: "sequence",
      baseline: { request: { method: "GET", path: "/profile" }, from: "$response.body#/number" },
      from: "$response.body#/number",
      to: "query.start",
      recover: {
        request: { method: "GET", path: "/recover", query: { since: "$cursor.sinceSeconds" } },
        pagination: paged,
      },
    },
    records: { ...records, timestamp: "$record#/created" },
    enrich: { request: { method: "GET", path: "/one/{record.id}" }, when: "deleted != `true`" },
    deleted,
  },
  window: {
    cursor: {
      type: "window",
      from: "query.from",
      to: "query.to",
      aheadSeconds: 31_536_000,
      behindSeconds: 31_536_000,
      format: "epochMillis",
    },
  },
  newest: { cursor: { type: "snapshot", partial: true }, records: { ...records, remember: "P60D" } },
  descending: { cursor: { type: "updatedSince", from: time, order: "descending" }, verifyEvery: "P1D" },
};

/** Errors by which the vendor says in its own words that a cursor has expired; all others are to be guessed. */
export const EXPIRED = { error: { reason: "EXPIRED" } };

export function modelManifest(): object {
  const streams = Object.entries(definitions).map(([kind, definition]) => {
    const common = { title: kind, request: list, records, pagination: paged };
    const resource = { type: "item", map: { id: "$record#/id" } };
    return [kind, { ...common, resource, ...definition }];
  });
  const triggers = KINDS.map((kind) => {
    const schedule = { default: "* * * * *", minSeconds: 60 };
    return [`${kind.toLowerCase()}_any`, { title: kind, stream: kind, on: "any", event: "item.any", schedule }];
  });
  return {
    manifestVersion: 1,
    name: "model",
    version: "1.0.0",
    title: "Model",
    server: { url: "https://model.example" },
    allowedHosts: ["model.example"],
    authentication: { type: "none" },
    errors: [{ class: "cursorExpired", status: [400], when: "body.error.reason == 'EXPIRED'" }],
    streams: Object.fromEntries(streams),
    triggers: Object.fromEntries(triggers),
    actions: {},
  };
}
