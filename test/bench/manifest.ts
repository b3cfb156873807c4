import { loadManifest } from "../../runtime/manifest/load.ts";
import type { Manifest } from "../../schemas/manifest.ts";

/** The contacts stream of google-contacts with its request spelled out, to be read without googleapis. */
export async function overPlainHttp(): Promise<Manifest> {
  const { manifest } = await loadManifest("google-contacts");
  const contacts = manifest.streams!["contacts"]!;
  const authentication = { ...manifest.authentication, test: { method: "GET", path: "/v1/people/me" } };
  return {
    ...manifest,
    server: { url: "https://people.googleapis.com" },
    authentication: authentication as Manifest["authentication"],
    streams: {
      contacts: {
        ...contacts,
        request: {
          method: "GET",
          path: "/v1/people/me/connections",
          query: { pageSize: 1000, requestSyncToken: true },
        },
        pagination: { type: "token", from: "$response.body#/nextPageToken", to: "query.pageToken" },
        cursor: { ...contacts.cursor, to: "query.syncToken" } as typeof contacts.cursor,
      },
    },
    triggers: { contact_created: manifest.triggers!["contact_created"]! },
    actions: {},
    resources: {},
    flows: [],
  };
}
