import type { ApiMethod, Call } from "../api.ts";
import { invalidArgument, notFound } from "../errors.ts";
import { OTHER_CONTACT_MASK, optionalMask, READ_MASK, readSources, requiredMask } from "./fields.ts";
import type { ContactFields, Person, View, WritableField } from "./fields.ts";
import { isLive } from "./list-methods.ts";
import { listPage, readPageSize } from "./list.ts";
import { renderDeletedPerson, renderPerson } from "./person.ts";
import { CONTACTS, OTHER_CONTACTS_READONLY } from "./scopes.ts";
import { search } from "./search.ts";

const COPY_MASK: ReadonlySet<string> = new Set(["emailAddresses", "names", "phoneNumbers"]);

/** People whom Google noticed by itself, from mail and the like; they belong to no group. */
export const otherContactMethods: readonly ApiMethod[] = [
  {
    id: "people.otherContacts.list",
    method: "GET",
    path: "/v1/otherContacts",
    procedure: "ListOtherContacts",
    scopes: [OTHER_CONTACTS_READONLY],
    handle: listOtherContacts,
  },
  {
    id: "people.otherContacts.search",
    method: "GET",
    path: "/v1/otherContacts:search",
    procedure: "SearchOtherContacts",
    scopes: [OTHER_CONTACTS_READONLY],
    handle: (call) => {
      const { searchable, others } = call.account.people;
      const view = readOtherView(call, "otherContacts/search");
      const query = call.query.get("query") ?? "";
      if (query === "") {
        searchable.others = others.bound;
        return {};
      }
      const found = search(others.at(searchable.others), query, readPageSize(call.query.get("pageSize"), 10, 30));
      return found.length > 0
        ? { results: found.map((version) => ({ person: renderPerson(version, "OTHER_CONTACT", view) })) }
        : {};
    },
  },
  {
    id: "people.otherContacts.copyOtherContactToMyContactsGroup",
    method: "POST",
    path: "/v1/otherContacts/{id}:copyOtherContactToMyContactsGroup",
    procedure: "CopyOtherContactToMyContactsGroup",
    scopes: [CONTACTS],
    handle: copyOtherContact,
  },
];

function listOtherContacts(call: Call): object {
  const { others } = call.account.people;
  const view = readOtherView(call, "otherContacts/list");
  const listing = listPage(call, {
    list: "otherContacts",
    history: others,
    parameters: { fields: [...view.fields].sort(), sources: [...view.sources].sort() },
    defaultPageSize: 100,
    wantsSyncToken: call.query.get("requestSyncToken") === "true",
  });
  const otherContacts = listing.versions.map((version): Person =>
    isLive(version) ? renderPerson(version, "OTHER_CONTACT", view) : renderDeletedPerson(version, "OTHER_CONTACT"),
  );
  return {
    ...(otherContacts.length > 0 && { otherContacts }),
    ...(listing.nextPageToken && { nextPageToken: listing.nextPageToken }),
    ...(listing.nextSyncToken && { nextSyncToken: listing.nextSyncToken }),
    ...(!listing.incremental && { totalSize: others.size }),
  };
}

/** The copy becomes a contact; the person is no "other contact" any longer. */
function copyOtherContact(call: Call): object {
  const { account, body } = call;
  const reference = "otherContacts/copyOtherContactToMyContactsGroup";
  const mask = (value: unknown) => (typeof value === "string" ? value : "");
  const copied = requiredMask(mask(body.copyMask), { name: "copyMask", reference, valid: COPY_MASK });
  const shown = optionalMask(mask(body.readMask), { name: "readMask", reference, valid: READ_MASK });
  const sources = readSources(Array.isArray(body.sources) ? body.sources.map(String) : []);
  const other = account.people.others.get(call.path.id!.replace(/^c/, ""));
  if (!other) throw notFound();
  const fields = Object.fromEntries(
    Object.entries(other.value.fields).filter(([name]) => copied.has(name as WritableField)),
  ) as ContactFields;
  account.people.deleteOther(other.id);
  const version = account.people.createContact(fields);
  return renderPerson(version, "CONTACT", {
    fields: shown ?? new Set([...copied, "metadata", "memberships"]),
    sources,
  });
}

function readOtherView(call: Call, reference: string): View {
  const sources = readSources(call.query.getAll("sources"), ["CONTACT"]);
  if (!sources.includes("CONTACT")) {
    throw invalidArgument("READ_SOURCE_TYPE_PROFILE cannot be read without READ_SOURCE_TYPE_CONTACT.");
  }
  const valid = sources.includes("PROFILE") ? READ_MASK : OTHER_CONTACT_MASK;
  return { fields: requiredMask(call.query.get("readMask"), { name: "readMask", reference, valid }), sources };
}
