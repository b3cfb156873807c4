import { isObject } from "../../../core/json.ts";
import type { LiveVersion } from "../../history.ts";
import type { ApiMethod, Call } from "../api.ts";
import { invalidArgument, notFound } from "../errors.ts";
import type { Account } from "../google.ts";
import { findContact } from "./contact-methods.ts";
import { optionalMask } from "./fields.ts";
import { acceptsMembers, GROUP_MASK, groupResourceName, renderGroup } from "./groups.ts";
import type { Group } from "./groups.ts";
import { listPage } from "./list.ts";
import { contactResourceName } from "./person.ts";
import { CONTACTS, READ_CONTACTS } from "./scopes.ts";

const MAX_MEMBER_CHANGES = 1000;
const MAX_GROUPS_PER_READ = 200;

/** Contact groups ("labels" to users) and who belongs to them. */
export const groupMethods: readonly ApiMethod[] = [
  {
    id: "people.contactGroups.list",
    method: "GET",
    path: "/v1/contactGroups",
    procedure: "ListContactGroups",
    scopes: READ_CONTACTS,
    handle: listGroups,
  },
  {
    id: "people.contactGroups.batchGet",
    method: "GET",
    path: "/v1/contactGroups:batchGet",
    procedure: "BatchGetContactGroups",
    scopes: READ_CONTACTS,
    handle: (call) => {
      const names = call.query.getAll("resourceNames");
      if (names.length === 0 || names.length > MAX_GROUPS_PER_READ) {
        throw invalidArgument(`Request must have 1 to ${MAX_GROUPS_PER_READ} of resourceNames.`);
      }
      return {
        responses: names.map((requestedResourceName) => {
          const group = call.account.people.groups.get(requestedResourceName.replace(/^contactGroups\//, ""));
          return group
            ? { requestedResourceName, contactGroup: renderForRead(call, group), status: {} }
            : { requestedResourceName, status: { code: 5, message: "Contact group not found." } };
        }),
      };
    },
  },
  {
    id: "people.contactGroups.get",
    method: "GET",
    path: "/v1/contactGroups/{id}",
    procedure: "GetContactGroup",
    scopes: READ_CONTACTS,
    handle: (call) => renderForRead(call, findGroup(call)),
  },
  {
    id: "people.contactGroups.create",
    method: "POST",
    path: "/v1/contactGroups",
    procedure: "CreateContactGroup",
    scopes: [CONTACTS],
    handle: (call) => {
      const fields = readGroupFields(call.body.readGroupFields, "contactGroups/create");
      const { name, clientData } = readGroup(call.body.contactGroup);
      return renderGroup(call.account.people.createGroup(name, clientData), fields, { count: 0 });
    },
  },
  {
    id: "people.contactGroups.update",
    method: "PUT",
    path: "/v1/contactGroups/{id}",
    procedure: "UpdateContactGroup",
    scopes: [CONTACTS],
    handle: (call) => {
      const fields = readGroupFields(call.body.readGroupFields, "contactGroups/update");
      const { id } = findOwnGroup(call);
      const changed = optionalMask(text(call.body.updateGroupFields), {
        name: "updateGroupFields",
        reference: "contactGroups/update",
        valid: new Set(["clientData", "name"]),
      });
      const { name, clientData } = readGroup(call.body.contactGroup);
      const change = {
        ...(!changed || changed.has("name") ? { name } : {}),
        ...(changed?.has("clientData") && { clientData }),
      };
      const version = call.account.people.changeGroup(id, change)!;
      return renderGroup(version, fields, { count: call.account.people.memberCount(id) });
    },
  },
  {
    id: "people.contactGroups.delete",
    method: "DELETE",
    path: "/v1/contactGroups/{id}",
    procedure: "DeleteContactGroup",
    scopes: [CONTACTS],
    handle: (call) => {
      call.account.people.deleteGroup(findOwnGroup(call).id, call.query.get("deleteContacts") === "true");
      return {};
    },
  },
  {
    id: "people.contactGroups.members.modify",
    method: "POST",
    path: "/v1/contactGroups/{id}/members:modify",
    procedure: "ModifyContactGroupMembers",
    scopes: [CONTACTS],
    handle: (call) => {
      const add = names(call.body.resourceNamesToAdd);
      const remove = names(call.body.resourceNamesToRemove);
      const { id } = findGroup(call);
      if (add.length + remove.length === 0 || add.length + remove.length > MAX_MEMBER_CHANGES) {
        throw invalidArgument(`Request must have 1 to ${MAX_MEMBER_CHANGES} resource names to add or remove.`);
      }
      if (add.length > 0 && !acceptsMembers(id)) {
        throw invalidArgument(`Contacts cannot be added to ${groupResourceName(id)}.`);
      }
      return modifyMembers(call.account, id, add, remove);
    },
  },
];

function listGroups(call: Call): object {
  const { people } = call.account;
  const fields = readGroupFields(call.query.get("groupFields"), "contactGroups/list", GROUP_MASK);
  const listing = listPage(call, {
    list: "contactGroups",
    history: people.groups,
    parameters: { fields: [...fields].sort() },
    defaultPageSize: 30,
    wantsSyncToken: true,
  });
  const contactGroups = listing.versions.map((version) =>
    renderGroup(version, fields, { count: people.memberCount(version.id) }),
  );
  return {
    ...(contactGroups.length > 0 && { contactGroups }),
    ...(!listing.incremental && { totalItems: people.groups.size }),
    ...(listing.nextPageToken && { nextPageToken: listing.nextPageToken }),
    ...(listing.nextSyncToken && { nextSyncToken: listing.nextSyncToken }),
  };
}

/** Moves what can be moved; the rest is named in the answer, which is a success all the same. */
function modifyMembers(account: Account, group: string, add: string[], remove: string[]): object {
  const book = account.people;
  const notFoundResourceNames: string[] = [];
  const canNotRemoveLastContactGroupResourceNames: string[] = [];
  for (const name of add) {
    const contact = findContact(account, name);
    if (contact) book.joinGroup(contact.id, group);
    else notFoundResourceNames.push(name);
  }
  for (const name of remove) {
    const contact = findContact(account, name);
    if (!contact) notFoundResourceNames.push(name);
    else if (contact.value.groups.length === 1 && contact.value.groups[0] === group) {
      canNotRemoveLastContactGroupResourceNames.push(name);
    } else book.leaveGroup(contact.id, group);
  }
  return {
    ...(notFoundResourceNames.length > 0 && { notFoundResourceNames }),
    ...(canNotRemoveLastContactGroupResourceNames.length > 0 && { canNotRemoveLastContactGroupResourceNames }),
  };
}

function findGroup(call: Call): LiveVersion<Group> {
  const group = call.account.people.groups.get(call.path.id!);
  if (!group) throw notFound();
  return group;
}

function findOwnGroup(call: Call): LiveVersion<Group> {
  const group = findGroup(call);
  if (group.value.groupType === "USER_CONTACT_GROUP") return group;
  throw invalidArgument("System contact groups cannot be changed or deleted.");
}

function renderForRead(call: Call, group: LiveVersion<Group>): object {
  const { people } = call.account;
  const fields = readGroupFields(call.query.get("groupFields"), "contactGroups/get", GROUP_MASK);
  const limit = Number(call.query.get("maxMembers") ?? 0);
  const members = limit > 0 ? people.members(group.id, limit).map((id) => contactResourceName("CONTACT", id)) : [];
  return renderGroup(group, fields, { count: people.memberCount(group.id), names: members });
}

const AFTER_WRITING: ReadonlySet<string> = new Set(["metadata", "groupType", "name"]);

function readGroupFields(value: unknown, reference: string, fallback = AFTER_WRITING): ReadonlySet<string> {
  return optionalMask(text(value), { name: "groupFields", reference, valid: GROUP_MASK }) ?? fallback;
}

function readGroup(value: unknown): { name: string; clientData: Group["clientData"] } {
  const group = isObject(value) ? value : {};
  const name = text(group.name).trim();
  if (name === "") throw invalidArgument("Contact group name must not be empty.");
  return { name, clientData: Array.isArray(group.clientData) ? group.clientData : undefined };
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
