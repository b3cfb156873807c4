/** A manifest whose form tests break on purpose. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = Record<string, any>;

/** A small connector without faults, fresh on every call, for tests to change. */
export function acme() {
  return {
    manifestVersion: 1,
    name: "acme",
    version: "1.0.0",
    title: "Acme",
    server: { url: "https://api.acme.example", headers: { "X-Location": "$connection.locationId" } },
    allowedHosts: ["*.acme.example"],
    authentication: {
      type: "oauth2",
      authorizationUrl: "https://login.acme.example/authorize",
      tokenUrl: "https://login.acme.example/token",
      scopes: { read: "Read contacts", write: "Write contacts" },
      capture: { locationId: "$response.body#/locationId" },
      test: { method: "GET", path: "/me" },
      label: "Account {$response.body#/name}",
    },
    errors: [
      { class: "rateLimited", status: [429], retryAfter: "$response.header.retry-after" },
      { class: "cursorExpired", when: "body.code == 'EXPIRED'" },
    ],
    streams: {
      contacts: {
        title: "Contacts",
        scopes: ["read"],
        input: { type: "object", additionalProperties: false, properties: { listId: { type: "string" } } },
        request: { method: "GET", path: "/lists/{listId}/contacts", query: { since: "$cursor", limit: 100 } },
        records: {
          select: ["$response.body#/contacts", { $expr: "data[].contact" }],
          primaryKey: ["/account", "/id"],
          versionKey: "/etag",
          previousKeys: "/merged",
          timestamp: "$record#/updated",
        },
        pagination: {
          type: "keyset",
          from: ["$lastRecord#/updated", "$lastRecord#/id"],
          to: ["query.after", "query.afterId"],
          stop: { when: "body.last" },
        },
        cursor: { type: "updatedSince", from: "$record#/updated", to: "query.since", overlapSeconds: 60 },
        deleted: "status == 'deleted'",
        watch: { groups: "groups[].id" },
        schema: { type: "object", required: ["id"], properties: { id: { type: "string" } } },
        resource: { type: "contact", map: { id: "$record#/id", firstName: { $expr: "name.first" } } },
      },
    },
    triggers: {
      contact_created: {
        title: "Contact created",
        stream: "contacts",
        on: "created",
        event: "contact.created",
        where: "record.vip",
        input: { type: "object", properties: { listId: {}, other: {} } },
        schedule: { default: "*/5 * * * *" },
        sample: { account: "a1", id: "c1", vip: true },
      },
      group_added: {
        title: "Added to group",
        stream: "contacts",
        on: { added: "groups" },
        event: "contact.group_added",
      },
    },
    actions: {
      update_contact: {
        title: "Update contact",
        kind: "update",
        scopes: ["write"],
        input: {
          type: "object",
          additionalProperties: false,
          required: ["contactId"],
          properties: {
            contactId: { type: "string", dynamicValues: { action: "get_contact", value: "/id" } },
            name: { type: "string" },
          },
        },
        steps: [
          { id: "read", request: { method: "GET", path: "/contacts/{contactId}" } },
          {
            id: "write",
            request: {
              method: "PUT",
              path: "/contacts/{contactId}",
              headers: { "If-Match": "$steps.read.header.etag" },
              body: { name: "$input.name" },
            },
            retry: { on: "conflict", max: 2, from: "read" },
          },
        ],
        result: { id: "$response.body#/id", before: { $expr: "steps.read.body.name" } },
        sample: { input: { contactId: "c1" }, output: { id: "c1" } },
      },
      get_contact: { title: "Get contact", kind: "get", request: { method: "GET", path: "/contacts/{contactId}" } },
    },
    resources: {
      contact: {
        stream: "contacts",
        update: "update_contact",
        id: "contactId",
        from: { contactId: "$id", name: "$resource.firstName" },
      },
    },
  };
}
