import { HooklineError } from "../core/errors.ts";
import type { Edit, EditKind, EditMaker, WeightedEdit } from "./edit.ts";
import { calendarEdits } from "./google/calendar/edits.ts";
import { gmailEdits } from "./google/gmail/edits.ts";
import type { Account } from "./google/google.ts";
import { generateEmail, generateFields, generatePhone } from "./google/people/generate.ts";
import { groupResourceName } from "./google/people/groups.ts";
import { contactResourceName } from "./google/people/person.ts";
import { tasksEdits } from "./google/tasks/edits.ts";
import { COMPANIES, FAMILY_NAMES, GIVEN_NAMES, JOB_TITLES, NOTES } from "./names.ts";
import { Random } from "./random.ts";

const contactEdits: readonly WeightedEdit[] = [
  { weight: 40, change: createContact },
  { weight: 22, change: changePhone },
  { weight: 8, change: changeEmail },
  { weight: 7, change: changeOrganization },
  { weight: 5, change: writeNote },
  { weight: 10, change: joinGroup },
  { weight: 4, change: leaveGroup },
  { weight: 4, change: deleteContact },
];

/** Where edits happen. */
export type EditSubject = keyof typeof CHANGES;

/** The first of each kind of edits is one that can always be made. */
const CHANGES = { contacts: contactEdits, tasks: tasksEdits, calendar: calendarEdits, gmail: gmailEdits } as const;
const CONTACTS_ONLY: readonly EditSubject[] = ["contacts"];

/** Makes realistic edits in an account, as its owner would. The same seed on the same account makes the same edits. */
export function makeEdits(account: Account, count: number, random: Random, subjects = CONTACTS_ONLY): Edit[] {
  const edits: Edit[] = [];
  while (edits.length < count) {
    const changes = CHANGES[subjects.length === 1 ? subjects[0]! : random.pick(subjects)];
    edits.push(choose(changes, random)(account, random) ?? changes[0]!.change(account, random)!);
  }
  return edits;
}

/** Where edits are asked for: `contacts` unless said otherwise. Throws `invalid_input`. */
export function readSubjects(value: unknown): readonly EditSubject[] {
  if (value === undefined) return CONTACTS_ONLY;
  const subjects = [value].flat().map(String);
  const known = Object.keys(CHANGES);
  if (subjects.length > 0 && subjects.every((subject) => known.includes(subject))) return subjects as EditSubject[];
  throw new HooklineError("invalid_input", `control: "of" must name some of ${known.join(", ")}.`);
}

/** Edits as they come by themselves, one at a time. */
export class Simulation {
  #timer: NodeJS.Timeout | undefined;

  /** Makes an edit every so many milliseconds; replaces what was running. */
  start(account: Account, everyMs: number, seed: number, subjects = CONTACTS_ONLY): void {
    this.stop();
    const random = new Random(seed, "simulation");
    this.#timer = setInterval(() => makeEdits(account, 1, random, subjects), everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  get running(): boolean {
    return this.#timer !== undefined;
  }
}

function choose(changes: readonly WeightedEdit[], random: Random): EditMaker {
  let place = random.below(changes.reduce((sum, { weight }) => sum + weight, 0));
  return changes.find(({ weight }) => (place -= weight) < 0)!.change;
}

function createContact({ people }: Account, random: Random): Edit {
  return edit("created", people.createContact(generateFields(random)).id);
}

function changePhone(account: Account, random: Random): Edit | undefined {
  return changeField(account, random, "phoneNumbers", generatePhone(random));
}

function changeEmail(account: Account, random: Random): Edit | undefined {
  const email = generateEmail(random, random.pick(GIVEN_NAMES), random.pick(FAMILY_NAMES), "home");
  return changeField(account, random, "emailAddresses", email);
}

function changeOrganization(account: Account, random: Random): Edit | undefined {
  const organization = { type: "work", name: random.pick(COMPANIES), title: random.pick(JOB_TITLES) };
  return changeField(account, random, "organizations", organization);
}

function writeNote(account: Account, random: Random): Edit | undefined {
  return changeField(account, random, "biographies", { value: random.pick(NOTES), contentType: "TEXT_PLAIN" });
}

/** Replaces the first item of a field; when it stays as it was, that is no edit. */
function changeField(account: Account, random: Random, field: string, item: object): Edit | undefined {
  const contact = anyContact(account, random);
  if (!contact) return undefined;
  const fields = contact.value.fields as Record<string, object[]>;
  const [first, ...rest] = fields[field] ?? [];
  if (JSON.stringify(first) === JSON.stringify(item)) return undefined;
  account.people.changeContact(contact.id, { fields: { ...fields, [field]: [item, ...rest] } });
  return edit("updated", contact.id, field);
}

function joinGroup(account: Account, random: Random): Edit | undefined {
  const contact = anyContact(account, random);
  const groups = ownGroups(account).filter((id) => !contact?.value.groups.includes(id));
  if (!contact || groups.length === 0) return undefined;
  const group = random.pick(groups);
  account.people.joinGroup(contact.id, group);
  return edit("added_to_group", contact.id, groupResourceName(group));
}

function leaveGroup(account: Account, random: Random): Edit | undefined {
  const contact = anyContact(account, random);
  const groups = ownGroups(account).filter((id) => contact?.value.groups.includes(id));
  if (!contact || groups.length === 0 || contact.value.groups.length === 1) return undefined;
  const group = random.pick(groups);
  account.people.leaveGroup(contact.id, group);
  return edit("removed_from_group", contact.id, groupResourceName(group));
}

function deleteContact(account: Account, random: Random): Edit | undefined {
  const contact = anyContact(account, random);
  if (!contact) return undefined;
  account.people.deleteContact(contact.id);
  return edit("deleted", contact.id);
}

function anyContact({ people }: Account, random: Random): ReturnType<typeof people.contacts.nearest> {
  return people.contacts.bound > 0 ? people.contacts.nearest(random.below(people.contacts.bound)) : undefined;
}

function ownGroups({ people }: Account): string[] {
  return [...people.groups.live()].filter(({ value }) => value.groupType === "USER_CONTACT_GROUP").map(({ id }) => id);
}

function edit(kind: EditKind, id: string, what?: string): Edit {
  return { kind, resourceName: contactResourceName("CONTACT", id), ...(what && { what }) };
}
