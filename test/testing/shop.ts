/** Changes a copy of the manifest. */
export type Change = (manifest: Shop) => void;

type Json = Record<string, unknown>;
type Stream = {
  request: Json & { query?: Json };
  records: Json;
  pagination?: Json;
  cursor: Json;
  deleted?: string;
  watch?: Json;
  schema?: Json;
};
type Action = {
  idempotency?: string;
  input: Json & { required?: string[] };
  request: Json;
  scopes?: string[];
  output?: Json;
  sample: { input: Json; output?: Json };
};
export interface Shop extends Json {
  errors: Json[];
  streams: { orders: Stream };
  triggers: Record<string, Json & { sample?: Json }>;
  actions: { create_order: Action; get_order: Action };
}

const schedule = { default: "*/5 * * * *", minSeconds: 60 };
const sample = {
  id: "ord_2f9c41",
  kind: "order",
  revision: 41,
  changed: "2026-05-01T10:00:00.000Z",
  title: "Blue chairs",
  state: "open",
  labels: ["urgent"],
};
const goneSample = { id: "ord_2f9c41", revision: 42, changed: "2026-05-02T10:00:00.000Z", gone: true };

function shop(): Shop {
  return {
    manifestVersion: 1,
    name: "shop",
    version: "1.0.0",
    title: "Shop",
    server: { url: "https://api.shop.example/v1" },
    allowedHosts: ["api.shop.example"],
    authentication: {
      type: "oauth2",
      authorizationUrl: "https://api.shop.example/authorize",
      tokenUrl: "https://api.shop.example/token",
      scopes: { orders: "Orders" },
      refresh: { rotates: true },
      capture: { shop: "$response.body#/shop" },
      connectionInput: { type: "object", properties: { region: { enum: ["eu", "us"] } }, required: ["region"] },
    },
    errors: [
      { class: "cursorExpired", status: [400, 410], when: "body.error.code == 'SYNC_TOKEN_OLD'", scope: "stream" },
      { class: "authRevoked", status: [400], when: "body.error == 'invalid_grant'", scope: "token" },
    ],
    streams: {
      orders: {
        title: "Orders",
        scopes: ["orders"],
        request: { method: "GET", path: "/{$connection.shop}/orders", query: { region: "$connection.region" } },
        records: {
          select: "$response.body#/orders",
          primaryKey: "/id",
          versionKey: "/revision",
          timestamp: "$record#/changed",
        },
        pagination: { type: "token", from: "$response.body#/next", to: "query.page" },
        cursor: { type: "syncToken", from: "$response.body#/sync", to: "query.since", maxAge: "P6D" },
        deleted: "gone == `true`",
        watch: { labels: "labels", state: "state" },
      } as Stream,
    },
    triggers: {
      order_created: {
        title: "Created",
        stream: "orders",
        on: "created",
        event: "order.created",
        schedule,
        sample: { ...sample },
      },
      order_deleted: {
        title: "Deleted",
        stream: "orders",
        on: "deleted",
        event: "order.deleted",
        schedule,
        sample: { ...goneSample },
      },
      label_added: {
        title: "Label added",
        stream: "orders",
        on: { added: "labels" },
        event: "order.label_added",
        schedule,
      },
      label_removed: {
        title: "Label removed",
        stream: "orders",
        on: { removed: "labels" },
        event: "order.label_removed",
        schedule,
      },
      state_changed: {
        title: "State changed",
        stream: "orders",
        on: { changed: "state" },
        event: "order.state_changed",
        schedule,
      },
    },
    actions: {
      create_order: {
        title: "Create",
        kind: "create",
        scopes: ["orders"],
        input: {
          type: "object",
          additionalProperties: false,
          required: ["title"],
          properties: { title: { type: "string" }, state: { type: "string" } },
        },
        output: { type: "object", required: ["id"], properties: { id: { type: "string" } } },
        request: {
          method: "POST",
          path: "/{$connection.shop}/orders",
          body: { order: { title: "$input.title", state: "$input.state" } },
        },
        result: { id: { $expr: "response.body.order.id" } },
        idempotency: "none",
        sample: { input: { title: "Blue chairs" }, output: { id: "ord_2f9c41" } },
      } as Action,
      get_order: {
        title: "Get",
        kind: "get",
        scopes: ["orders"],
        input: {
          type: "object",
          additionalProperties: false,
          required: ["id"],
          properties: { id: { type: "string" } },
        },
        request: { method: "GET", path: "/{$connection.shop}/orders/{id}", query: { fields: ["title", "state"] } },
        sample: { input: { id: "ord_2f9c41" }, output: { ...sample } },
      } as Action,
    },
  };
}

/** A complete connector of a shop, with what a test changes in it. */
export function shopManifest(change: Change = () => {}): Shop {
  const manifest = shop();
  change(manifest);
  return manifest;
}

/** Lists of the orders by a time, oldest first. */
export const byTime: Change = ({ streams: { orders }, triggers }) => {
  orders.cursor = {
    type: "updatedSince",
    from: "$record#/changed",
    to: "query.since",
    overlapSeconds: 30,
    settleSeconds: 10,
  };
  withoutDeletions({ streams: { orders }, triggers } as Shop);
};

/** The vendor does not say what is gone. */
export const withoutDeletions: Change = ({ streams: { orders }, triggers }) => {
  delete orders.deleted;
  delete triggers.order_deleted;
};
