import type { people_v1 } from "googleapis/build/src/apis/people/v1.js";
import type { Version } from "../../history.ts";
import { sourceEtag } from "./etag.ts";

export interface Group {
  readonly name: string;
  readonly groupType: "USER_CONTACT_GROUP" | "SYSTEM_CONTACT_GROUP";
  readonly clientData?: readonly { key?: string; value?: string }[];
}

export const GROUP_MASK: ReadonlySet<string> = new Set(["clientData", "groupType", "memberCount", "metadata", "name"]);

/** The group that every contact of one's own belongs to unless it is told otherwise. */
export const MY_CONTACTS = "myContacts";

/** The groups every account has, with the name Google shows for each. */
export const SYSTEM_GROUPS: Readonly<Record<string, string>> = {
  [MY_CONTACTS]: "My Contacts",
  starred: "Starred",
  friends: "Friends",
  family: "Family",
  coworkers: "Coworkers",
  chatBuddies: "Chat contacts",
  all: "All Contacts",
  blocked: "Blocked",
};

/** Whether contacts can be added to a group: users' own and two of the system's; the others are deprecated. */
export function acceptsMembers(id: string): boolean {
  return !Object.hasOwn(SYSTEM_GROUPS, id) || id === MY_CONTACTS || id === "starred";
}

export function groupResourceName(id: string): string {
  return `contactGroups/${id}`;
}

/** A group as the People API shows it; counts of zero are left out, as Google leaves out every default. */
export function renderGroup(
  version: Version<Group>,
  fields: ReadonlySet<string>,
  members: { count: number; names?: readonly string[] },
): people_v1.Schema$ContactGroup {
  const shown = { resourceName: groupResourceName(version.id), etag: sourceEtag(version).slice(1) };
  const group = version.value;
  if (!group) return { ...shown, metadata: { deleted: true, updateTime: new Date(version.time).toISOString() } };
  const own = group.groupType === "USER_CONTACT_GROUP";
  return {
    ...shown,
    ...(fields.has("metadata") && own && { metadata: { updateTime: new Date(version.time).toISOString() } }),
    ...(fields.has("groupType") && { groupType: group.groupType }),
    ...(fields.has("name") && { name: group.name, formattedName: SYSTEM_GROUPS[version.id] ?? group.name }),
    ...(fields.has("clientData") && group.clientData && { clientData: [...group.clientData] }),
    ...(fields.has("memberCount") && members.count > 0 && { memberCount: members.count }),
    ...(members.names && members.names.length > 0 && { memberResourceNames: [...members.names] }),
  };
}
