import { isObject } from "../../../core/json.ts";
import type { ApiMethod, Call } from "../api.ts";
import { invalidArgument, notFound } from "../errors.ts";
import type { LiveVersion } from "../../history.ts";
import type { Contact } from "./address-book.ts";
import { findContact, readNewContact, readPerson, readUpdate, readView } from "./contact-methods.ts";
import { optionalMask, READ_MASK, readSources, requiredMask, UPDATE_MASK } from "./fields.ts";
import type { View } from "./fields.ts";
import { contactResourceName, renderPerson } from "./person.ts";
import { CONTACTS, READ_PEOPLE } from "./scopes.ts";

/** Several contacts at once. A batch is written as a whole or not at all. */
export const batchMethods: readonly ApiMethod[] = [
  {
    id: "people.people.getBatchGet",
    method: "GET",
    path: "/v1/people:batchGet",
    procedure: "GetPeople",
    scopes: READ_PEOPLE,
    handle: (call) => {
      const view = readView(call, "people/getBatchGet");
      const names = call.query.getAll("resourceNames");
      assertSize("resourceNames", names.length, 200);
      return {
        responses: names.map((requestedResourceName) => {
          const person = readPerson(call.account, requestedResourceName, view);
          return person
            ? { httpStatusCode: 200, person, requestedResourceName, status: {} }
            : { httpStatusCode: 404, requestedResourceName, status: { code: 5, message: "Person not found." } };
        }),
      };
    },
  },
  {
    id: "people.people.batchCreateContacts",
    method: "POST",
    path: "/v1/people:batchCreateContacts",
    procedure: "BatchCreateContacts",
    scopes: [CONTACTS],
    handle: (call) => {
      const contacts = Array.isArray(call.body.contacts) ? call.body.contacts.filter(isObject) : [];
      assertSize("contacts", contacts.length, 200);
      const view = answerView(call, "people/batchCreateContacts");
      const people = contacts.map(({ contactPerson }) => (isObject(contactPerson) ? contactPerson : {}));
      const read = people.map((person) => readNewContact(call.account, person));
      const created = read.map((contact) => call.account.people.createContact(...contact));
      return view ? { createdPeople: created.map((version) => personResponse(version, view)) } : {};
    },
  },
  {
    id: "people.people.batchUpdateContacts",
    method: "POST",
    path: "/v1/people:batchUpdateContacts",
    procedure: "BatchUpdateContacts",
    scopes: [CONTACTS],
    handle: (call) => {
      const contacts = Object.entries(isObject(call.body.contacts) ? call.body.contacts : {});
      assertSize("contacts", contacts.length, 200);
      const mask = requiredMask(typeof call.body.updateMask === "string" ? call.body.updateMask : "", {
        name: "updateMask",
        reference: "people/batchUpdateContacts",
        valid: UPDATE_MASK,
      });
      const view = answerView(call, "people/batchUpdateContacts");
      const changes = contacts.map(([name, person]) => ({
        name,
        change: readUpdate(call.account, name, isObject(person) ? person : {}, mask),
      }));
      const updated = changes.map(({ name, change }) => ({
        name,
        version: call.account.people.changeContact(change.id, change)!,
      }));
      if (!view) return {};
      return {
        updateResult: Object.fromEntries(
          updated.map(({ name, version }) => [name, personResponse(version, view, name)]),
        ),
      };
    },
  },
  {
    id: "people.people.batchDeleteContacts",
    method: "POST",
    path: "/v1/people:batchDeleteContacts",
    procedure: "BatchDeleteContacts",
    scopes: [CONTACTS],
    handle: ({ account, body }) => {
      const names = Array.isArray(body.resourceNames) ? body.resourceNames.map(String) : [];
      assertSize("resourceNames", names.length, 500);
      const versions = names.map((name) => findContact(account, name));
      if (versions.includes(undefined)) throw notFound();
      for (const version of versions) account.people.deleteContact(version!.id);
      return {};
    },
  },
];

function assertSize(name: string, size: number, maximum: number): void {
  if (size === 0) throw invalidArgument(`Request must have at least one of ${name}.`);
  if (size > maximum) throw invalidArgument(`Request can have at most ${maximum} of ${name}.`);
}

/** Without a read mask nothing is told about the people that were written. */
function answerView(call: Call, reference: string): View | undefined {
  const { readMask, sources } = call.body;
  const rule = { name: "readMask", reference, valid: READ_MASK };
  const fields = optionalMask(typeof readMask === "string" ? readMask : "", rule);
  return fields && { fields, sources: readSources(Array.isArray(sources) ? sources.map(String) : []) };
}

function personResponse(version: LiveVersion<Contact>, view: View, requested?: string): object {
  return {
    httpStatusCode: 200,
    person: renderPerson(version, "CONTACT", view),
    requestedResourceName: requested ?? contactResourceName("CONTACT", version.id),
    status: {},
  };
}
