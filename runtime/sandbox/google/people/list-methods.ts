import type { LiveVersion, Version } from "../../history.ts";
import type { ApiMethod, Call } from "../api.ts";
import { invalidArgument } from "../errors.ts";
import type { Contact } from "./address-book.ts";
import { readView } from "./contact-methods.ts";
import { READ_MASK, readSources, requiredMask } from "./fields.ts";
import type { Person } from "./fields.ts";
import { listPage, readPageSize } from "./list.ts";
import { renderDeletedPerson, renderPerson } from "./person.ts";
import { READ_CONTACTS } from "./scopes.ts";
import { search } from "./search.ts";

const SORT_ORDERS = [
  "LAST_MODIFIED_ASCENDING",
  "LAST_MODIFIED_DESCENDING",
  "FIRST_NAME_ASCENDING",
  "LAST_NAME_ASCENDING",
];

/** Listing and searching the account's contacts. */
export const listMethods: readonly ApiMethod[] = [
  {
    id: "people.people.connections.list",
    method: "GET",
    path: "/v1/people/{id}/connections",
    procedure: "ListConnections",
    scopes: READ_CONTACTS,
    handle: listConnections,
  },
  {
    id: "people.people.searchContacts",
    method: "GET",
    path: "/v1/people:searchContacts",
    procedure: "SearchContacts",
    scopes: READ_CONTACTS,
    handle: (call) => {
      const { searchable, contacts } = call.account.people;
      const view = {
        fields: requiredMask(call.query.get("readMask"), {
          name: "readMask",
          reference: "people/searchContacts",
          valid: READ_MASK,
        }),
        sources: readSources(call.query.getAll("sources"), ["CONTACT"]),
      };
      const query = call.query.get("query") ?? "";
      if (query === "") {
        searchable.contacts = contacts.bound;
        return {};
      }
      const limit = readPageSize(call.query.get("pageSize"), 10, 30);
      const found = search(contacts.at(searchable.contacts), query, limit);
      return found.length > 0
        ? { results: found.map((version) => ({ person: renderPerson(version, "CONTACT", view) })) }
        : {};
    },
  },
];

function listConnections(call: Call): object {
  if (call.path.id !== "me") throw invalidArgument("Resource name must be people/me.");
  const view = readView(call, "people.connections/list");
  const { contacts } = call.account.people;
  const sortOrder = call.query.get("sortOrder") ?? SORT_ORDERS[0]!;
  if (!SORT_ORDERS.includes(sortOrder)) throw invalidArgument(`Invalid value at 'sort_order', "${sortOrder}"`);
  const listing = listPage(call, {
    list: "connections",
    history: contacts,
    parameters: { fields: [...view.fields].sort(), sources: [...view.sources].sort(), sortOrder },
    defaultPageSize: 100,
    wantsSyncToken: call.query.get("requestSyncToken") === "true",
    sorted: sortOrder === SORT_ORDERS[0] ? undefined : (bound) => sortContacts([...contacts.at(bound)], sortOrder),
  });
  const options = { previousNames: listing.incremental };
  const connections = listing.versions.map((version): Person =>
    isLive(version) ? renderPerson(version, "CONTACT", view, options) : renderDeletedPerson(version, "CONTACT"),
  );
  return {
    ...(connections.length > 0 && { connections }),
    ...(listing.nextPageToken && { nextPageToken: listing.nextPageToken }),
    ...(listing.nextSyncToken && { nextSyncToken: listing.nextSyncToken }),
    ...(!listing.incremental && { totalPeople: contacts.size, totalItems: contacts.size }),
  };
}

export function isLive<T>(version: Version<T>): version is LiveVersion<T> {
  return version.value !== undefined;
}

function sortContacts(versions: LiveVersion<Contact>[], order: string): LiveVersion<Contact>[] {
  if (order === "LAST_MODIFIED_DESCENDING") return versions.toReversed();
  const property = order === "FIRST_NAME_ASCENDING" ? "givenName" : "familyName";
  const keyed = versions.map((version) => ({ version, key: version.value.fields.names?.[0]?.[property] ?? "" }));
  return keyed.toSorted((a, b) => a.key.localeCompare(b.key)).map(({ version }) => version);
}
