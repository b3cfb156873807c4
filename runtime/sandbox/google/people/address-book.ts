import type { Clock } from "../../../core/clock.ts";
import { History } from "../../history.ts";
import type { LiveVersion, VersionSnapshot } from "../../history.ts";
import { GROUP_NAMES } from "../../names.ts";
import { decimalId, hash32, Random } from "../../random.ts";
import { alreadyExists } from "../errors.ts";
import type { ContactFields } from "./fields.ts";
import { generateFields } from "./generate.ts";
import { MY_CONTACTS, SYSTEM_GROUPS } from "./groups.ts";
import type { Group } from "./groups.ts";

export interface Contact {
  readonly fields: ContactFields;
  /** Ids of contact groups; never empty for a contact of one's own. */
  readonly groups: readonly string[];
  /** Name of a photo that the user set. */
  readonly photo: string | undefined;
  /** Id of the Google account that the contact is linked to. */
  readonly profile: string | undefined;
}

/** A contact nobody has edited: made from its seed each time it is read, so that a hundred thousand take little memory. */
class GeneratedContact implements Contact {
  readonly seed: number;
  readonly groups: readonly string[];
  readonly photo: string | undefined = undefined;

  constructor(seed: number, groups: readonly string[]) {
    this.seed = seed;
    this.groups = groups;
  }

  get fields(): ContactFields {
    return generateFields(new Random(this.seed));
  }

  get profile(): string | undefined {
    return this.seed % 12 === 0 ? `1${decimalId(this.seed, "profile").padStart(20, "0")}` : undefined;
  }
}

/** An address book as it is written down. */
export interface AddressBookSnapshot {
  seed: number;
  created: number;
  contacts: VersionSnapshot<Contact>[];
  others: VersionSnapshot<Contact>[];
  groups: VersionSnapshot<Group>[];
  searchable: { contacts: number; others: number };
}

const HOUR = 3_600_000;
const TWO_YEARS = 730 * 24 * HOUR;

/** The address book of one account: contacts, groups, and the "other contacts" that Google collects by itself. */
export class AddressBook {
  readonly contacts: History<Contact>;
  readonly others: History<Contact>;
  readonly groups: History<Group>;
  /** How far the search indexes have read: a warm-up request moves them to the present. */
  readonly searchable = { contacts: 0, others: 0 };
  readonly #clock: Clock;
  readonly #seed: number;
  readonly #members = new Map<string, number>();
  #created = 0;

  /**
   * @param options.contacts  how many people to begin with; with any, there are some groups too
   * @param options.otherContacts  how many people Google has noticed
   * @param snapshot  an earlier book, which this one continues instead of beginning anew
   */
  constructor(
    options: { clock: Clock; seed: number; contacts: number; otherContacts: number },
    snapshot?: AddressBookSnapshot,
  ) {
    this.#clock = options.clock;
    this.#seed = snapshot?.seed ?? options.seed;
    this.contacts = History.restore(snapshot?.contacts ?? []);
    this.others = History.restore(snapshot?.others ?? []);
    this.groups = History.restore(snapshot?.groups ?? []);
    if (snapshot) {
      this.#created = snapshot.created;
      Object.assign(this.searchable, snapshot.searchable);
      for (const { value } of this.contacts.live()) this.#count(value.groups, 1);
      return;
    }
    const begin = options.clock.now() - TWO_YEARS;
    for (const id of Object.keys(SYSTEM_GROUPS)) {
      this.groups.put(id, { name: id, groupType: "SYSTEM_CONTACT_GROUP" }, begin);
    }
    const own = options.contacts > 0 ? GROUP_NAMES : [];
    for (const name of own) this.groups.put(this.#newGroupId(), { name, groupType: "USER_CONTACT_GROUP" }, begin);
    this.#generate(this.contacts, options.contacts, "contact", this.#groupCombinations());
    this.#generate(this.others, options.otherContacts, "other", [[]]);
  }

  snapshot(): AddressBookSnapshot {
    const [seed, created] = [this.#seed, this.#created];
    const [contacts, others, groups] = [this.contacts.snapshot(), this.others.snapshot(), this.groups.snapshot()];
    for (const version of contacts) version.value &&= plain(version.value);
    return { seed, created, contacts, others, groups, searchable: { ...this.searchable } };
  }

  memberCount(group: string): number {
    return this.#members.get(group) ?? 0;
  }

  /** Ids of a group's members, at most `limit`. */
  members(group: string, limit: number): string[] {
    const ids: string[] = [];
    for (const { id, value } of this.contacts.live()) {
      if (ids.length === limit) break;
      if (value.groups.includes(group)) ids.push(id);
    }
    return ids;
  }

  createContact(fields: ContactFields, groups: readonly string[] = [MY_CONTACTS]): LiveVersion<Contact> {
    const id = decimalId(this.#seed, "created contact", this.#created++);
    return this.#write(id, { fields, groups, photo: undefined, profile: undefined });
  }

  /** Replaces parts of a contact; undefined when there is none. */
  changeContact(id: string, change: Partial<Contact>): LiveVersion<Contact> | undefined {
    const before = this.contacts.get(id);
    if (!before) return undefined;
    const { fields, groups, photo, profile } = before.value;
    return this.#write(before.id, { fields, groups, photo, profile, ...change });
  }

  deleteContact(id: string): boolean {
    const before = this.contacts.get(id);
    if (!before) return false;
    this.#count(before.value.groups, -1);
    return this.contacts.remove(before.id, this.#clock.now());
  }

  /** Gives a contact another resource name, as happens when it is linked to a profile. */
  renameContact(id: string): LiveVersion<Contact> | undefined {
    return this.contacts.rename(id, decimalId(this.#seed, "created contact", this.#created++), this.#clock.now());
  }

  /** Reports every contact as changed though nothing is different, which Google does now and then. */
  touchAll(): number {
    const all = [...this.contacts.live()];
    for (const { id, value } of all) this.contacts.put(id, value, this.#clock.now());
    return all.length;
  }

  createOther(fields: ContactFields): LiveVersion<Contact> {
    const id = decimalId(this.#seed, "created other", this.#created++);
    return this.others.put(id, { fields, groups: [], photo: undefined, profile: undefined }, this.#clock.now());
  }

  deleteOther(id: string): boolean {
    return this.others.remove(id, this.#clock.now());
  }

  /** Throws ALREADY_EXISTS when another group has the name. */
  createGroup(name: string, clientData?: Group["clientData"]): LiveVersion<Group> {
    return this.#writeGroup(this.#newGroupId(), { name, groupType: "USER_CONTACT_GROUP", clientData });
  }

  changeGroup(id: string, change: Partial<Group>): LiveVersion<Group> | undefined {
    const before = this.groups.get(id);
    return before && this.#writeGroup(id, { ...before.value, ...change });
  }

  /** Deletes a group; its members lose the membership, or are deleted too. */
  deleteGroup(id: string, deleteContacts = false): boolean {
    if (!this.groups.remove(id, this.#clock.now())) return false;
    for (const member of this.members(id, Infinity)) {
      if (deleteContacts) this.deleteContact(member);
      else this.leaveGroup(member, id);
    }
    this.#members.delete(id);
    return true;
  }

  joinGroup(contact: string, group: string): void {
    const before = this.contacts.get(contact);
    if (!before || before.value.groups.includes(group)) return;
    this.changeContact(contact, { groups: [...before.value.groups, group] });
  }

  /** A contact that would belong to nothing afterwards falls back to "my contacts". */
  leaveGroup(contact: string, group: string): void {
    const before = this.contacts.get(contact);
    if (!before?.value.groups.includes(group)) return;
    const groups = before.value.groups.filter((other) => other !== group);
    this.changeContact(contact, { groups: groups.length > 0 ? groups : [MY_CONTACTS] });
  }

  #write(id: string, contact: Contact): LiveVersion<Contact> {
    this.#count(this.contacts.get(id)?.value.groups ?? [], -1);
    this.#count(contact.groups, 1);
    return this.contacts.put(id, contact, this.#clock.now());
  }

  #writeGroup(id: string, group: Group): LiveVersion<Group> {
    for (const other of this.groups.live()) {
      if (other.id !== id && other.value.name.toLowerCase() === group.name.toLowerCase()) {
        throw alreadyExists("Contact group name already exists.");
      }
    }
    return this.groups.put(id, group, this.#clock.now());
  }

  #newGroupId(): string {
    return BigInt(decimalId(this.#seed, "group", this.#created++)).toString(16);
  }

  #count(groups: readonly string[], change: 1 | -1): void {
    for (const group of groups) this.#members.set(group, this.memberCount(group) + change);
  }

  /** Memberships as people have them, shared between contacts. */
  #groupCombinations(): string[][] {
    const own = [...this.groups.live()].filter(({ value }) => value.groupType === "USER_CONTACT_GROUP");
    const plain = Array.from({ length: 3 * own.length }, () => [MY_CONTACTS]);
    return [[MY_CONTACTS], [MY_CONTACTS, "starred"], ...plain, ...own.map(({ id }) => [MY_CONTACTS, id])];
  }

  #generate(history: History<Contact>, count: number, kind: string, combinations: string[][]): void {
    const end = this.#clock.now() - HOUR;
    const step = Math.min(HOUR, (TWO_YEARS - HOUR) / Math.max(1, count));
    for (let i = 0; i < count; i++) {
      const seed = hash32(this.#seed, kind, i);
      const groups = combinations[seed % combinations.length]!;
      this.#count(groups, 1);
      const time = Math.floor(end - (count - i) * step);
      history.put(decimalId(this.#seed, kind, i), new GeneratedContact(seed, groups), time);
    }
  }
}

/** Generated contacts have getters, which do not survive being written down. */
function plain({ fields, groups, photo, profile }: Contact): Contact {
  return { fields, groups, photo, profile };
}
