import { isObject } from "../../../core/json.ts";
import type { LiveVersion } from "../../history.ts";
import type { ApiMethod, Call } from "../api.ts";
import { invalidArgument, notFound, staleEtag } from "../errors.ts";
import type { Account } from "../google.ts";
import type { Contact } from "./address-book.ts";
import { personEtag, sourceEtag } from "./etag.ts";
import { optionalMask, READ_MASK, readContactFields, readSources, requiredMask, UPDATE_MASK } from "./fields.ts";
import type { ContactFields, Person, View } from "./fields.ts";
import { acceptsMembers, groupResourceName } from "./groups.ts";
import { renderPerson } from "./person.ts";
import { CONTACTS, READ_PEOPLE } from "./scopes.ts";

/** Reading, creating, updating and deleting single contacts. */
export const contactMethods: readonly ApiMethod[] = [
  {
    id: "people.people.get",
    method: "GET",
    path: "/v1/people/{id}",
    procedure: "GetPerson",
    scopes: READ_PEOPLE,
    handle: (call) => {
      const person = readPerson(call.account, `people/${call.path.id}`, readView(call, "people/get"));
      if (!person) throw notFound();
      return person;
    },
  },
  {
    id: "people.people.createContact",
    method: "POST",
    path: "/v1/people:createContact",
    procedure: "CreateContact",
    scopes: [CONTACTS],
    handle: (call) => {
      const view = writeView(call, "people/createContact");
      const version = call.account.people.createContact(...readNewContact(call.account, call.body));
      return renderPerson(version, "CONTACT", view);
    },
  },
  {
    id: "people.people.updateContact",
    method: "PATCH",
    path: "/v1/people/{id}:updateContact",
    procedure: "UpdateContact",
    scopes: [CONTACTS],
    handle: (call) => {
      const mask = requiredMask(call.query.get("updatePersonFields"), {
        name: "updatePersonFields",
        reference: "people/updateContact",
        valid: UPDATE_MASK,
      });
      const view = writeView(call, "people/updateContact");
      const change = readUpdate(call.account, `people/${call.path.id}`, call.body, mask);
      return renderPerson(call.account.people.changeContact(change.id, change)!, "CONTACT", view);
    },
  },
  {
    id: "people.people.deleteContact",
    method: "DELETE",
    path: "/v1/people/{id}:deleteContact",
    procedure: "DeleteContact",
    scopes: [CONTACTS],
    handle: ({ account, path }) => {
      const version = findContact(account, `people/${path.id}`);
      if (!version) throw notFound();
      account.people.deleteContact(version.id);
      return {};
    },
  },
  {
    id: "people.people.updateContactPhoto",
    method: "PATCH",
    path: "/v1/people/{id}:updateContactPhoto",
    procedure: "UpdateContactPhoto",
    scopes: [CONTACTS],
    handle: (call) => {
      const bytes = Buffer.from(typeof call.body.photoBytes === "string" ? call.body.photoBytes : "", "base64");
      if (!isPhoto(bytes)) throw invalidArgument("Request photo is not a valid JPEG or PNG.");
      return setPhoto(call, `${bytes.length}-${call.google.clock.now()}`, {
        fields: call.body.personFields,
        sources: call.body.sources,
      });
    },
  },
  {
    id: "people.people.deleteContactPhoto",
    method: "DELETE",
    path: "/v1/people/{id}:deleteContactPhoto",
    procedure: "DeleteContactPhoto",
    scopes: [CONTACTS],
    handle: (call) =>
      setPhoto(call, undefined, { fields: call.query.get("personFields"), sources: call.query.getAll("sources") }),
  },
];

/** The contact behind a resource name. */
export function findContact(account: Account, resourceName: string): LiveVersion<Contact> | undefined {
  const id = /^people\/c(\d+)$/.exec(resourceName)?.[1];
  return id === undefined ? undefined : account.people.contacts.get(id);
}

/** A contact, or the account's own person under `people/me`. */
export function readPerson(account: Account, resourceName: string, view: View): Person | undefined {
  if (resourceName === "people/me" || resourceName === `people/${account.id}`) return renderSelf(account, view);
  const version = findContact(account, resourceName);
  return version && renderPerson(version, "CONTACT", view);
}

/** A new contact as a client described it: what `AddressBook.createContact` takes. Throws INVALID_ARGUMENT. */
export function readNewContact(
  account: Account,
  body: Record<string, unknown>,
): [fields: ContactFields, groups: string[] | undefined] {
  return [readContactFields(body), body.memberships ? readGroups(account, body.memberships, []) : undefined];
}

/**
 * The change that an update describes: every field of the mask is replaced, and cleared where the body lacks it.
 * Throws NOT_FOUND, FAILED_PRECONDITION when the etag is not the current one, INVALID_ARGUMENT.
 */
export function readUpdate(
  account: Account,
  resourceName: string,
  body: Record<string, unknown>,
  mask: ReadonlySet<string>,
): { id: string; fields: ContactFields; groups: readonly string[] } {
  const version = findContact(account, resourceName);
  if (!version) throw notFound();
  assertCurrent(version, body);
  const given: Record<string, unknown> = readContactFields(body);
  const fields: Record<string, unknown> = { ...version.value.fields };
  for (const name of mask) {
    if (given[name] === undefined) delete fields[name];
    else fields[name] = given[name];
  }
  const { groups } = version.value;
  return {
    id: version.id,
    fields: fields,
    groups: mask.has("memberships") ? readGroups(account, body.memberships, groups) : groups,
  };
}

/** What an answer to a write shows: all fields when nothing else is asked for. */
function writeView(call: Call, reference: string): View {
  const rule = { name: "personFields", reference, valid: READ_MASK };
  return {
    fields: optionalMask(call.query.get("personFields"), rule) ?? READ_MASK,
    sources: readSources(call.query.getAll("sources")),
  };
}

/** What an answer to a read shows; `personFields` has to say. */
export function readView(call: Call, reference: string): View {
  return {
    fields: requiredMask(call.query.get("personFields"), { name: "personFields", reference, valid: READ_MASK }),
    sources: readSources(call.query.getAll("sources")),
  };
}

function assertCurrent(version: LiveVersion<Contact>, body: Record<string, unknown>): void {
  const metadata = isObject(body.metadata) ? body.metadata : {};
  const sources = Array.isArray(metadata.sources) ? metadata.sources.filter(isObject) : [];
  const source = sources.find(({ type }) => type === "CONTACT")?.etag;
  if (!body.etag && !source) {
    throw invalidArgument(
      "Request must set person.etag or person.metadata.sources.etag for the source that is being updated.",
    );
  }
  if ((body.etag && body.etag !== personEtag(version)) || (source && source !== sourceEtag(version))) throw staleEtag();
}

/** Ids of the groups in a `memberships` field. Those that take no new members are accepted where they were before. */
function readGroups(account: Account, memberships: unknown, before: readonly string[]): string[] {
  const names = (Array.isArray(memberships) ? memberships : [])
    .filter(isObject)
    .map(({ contactGroupMembership: membership }) => (isObject(membership) ? membership.contactGroupResourceName : ""))
    .filter((name) => typeof name === "string" && name !== "");
  if (names.length === 0) {
    throw invalidArgument("Request person.memberships must have at least one contact group membership.");
  }
  const ids = names.map((name) => String(name).replace(/^contactGroups\//, ""));
  for (const id of ids) {
    if (!account.people.groups.get(id) || (!acceptsMembers(id) && !before.includes(id))) {
      throw invalidArgument(`Contact group ${groupResourceName(id)} does not exist or accepts no members.`);
    }
  }
  return [...new Set(ids)];
}

function setPhoto(call: Call, photo: string | undefined, answer: { fields: unknown; sources: unknown }): object {
  const rule = { name: "personFields", reference: "people/updateContactPhoto", valid: READ_MASK };
  const fields = optionalMask(typeof answer.fields === "string" ? answer.fields : "", rule);
  const sources = readSources(Array.isArray(answer.sources) ? answer.sources.map(String) : []);
  const before = findContact(call.account, `people/${call.path.id}`);
  if (!before) throw notFound();
  const version = call.account.people.changeContact(before.id, { photo })!;
  return fields ? { person: renderPerson(version, "CONTACT", { fields, sources }) } : {};
}

function isPhoto(bytes: Buffer): boolean {
  const png = Buffer.from("89504e470d0a1a0a", "hex");
  const jpeg = Buffer.from("ffd8ff", "hex");
  return bytes.subarray(0, png.length).equals(png) || bytes.subarray(0, jpeg.length).equals(jpeg);
}

function renderSelf(account: Account, view: View): Person {
  const source = { type: "PROFILE", id: account.id };
  const metadata = { primary: true, source, sourcePrimary: true };
  const words = account.email.split("@")[0]!.split(/[._-]/);
  const [givenName, familyName] = words.map((word) => word.replace(/^./, (letter) => letter.toUpperCase()));
  return {
    resourceName: `people/${account.id}`,
    etag: `%EgUBAi43PRoEAQIFByIM${Buffer.from(account.id).toString("base64").slice(0, 16)}`,
    ...(view.fields.has("metadata") && { metadata: { sources: [source], objectType: "PERSON" } }),
    ...(view.fields.has("names") && {
      names: [{ metadata, givenName, familyName, displayName: [givenName, familyName].filter(Boolean).join(" ") }],
    }),
    ...(view.fields.has("emailAddresses") && {
      emailAddresses: [{ metadata: { ...metadata, verified: true }, value: account.email }],
    }),
  };
}
