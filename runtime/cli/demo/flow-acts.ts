import type { Sandbox } from "../../sandbox/index.ts";
import { spanOf } from "../../sandbox/google/calendar/calendars.ts";
import { EVENT_TITLES, FAMILY_NAMES, GIVEN_NAMES, MAIL_SUBJECTS, NOTES, TASK_TITLES } from "../../sandbox/names.ts";

const CUSTOMERS = "Demo customers";

const HOUR = 3_600_000;

/** What people need before they act. */
interface Props {
  sandbox: Sandbox;
  /** Ids of a Gmail label and of a contact group. */
  label: string;
  group: string;
}

/** Does at a simulated vendor what makes one trigger fire, as a person would. */
type Act = (props: Props) => void;

export function prepare(sandbox: Sandbox): Props {
  const { mailbox, people } = sandbox.google.account();
  bringTaskOver(sandbox);
  return { sandbox, label: mailbox.createLabel(CUSTOMERS).id, group: people.createGroup(CUSTOMERS).id };
}

/** The act that makes a trigger fire. @throws TypeError for a trigger without an act */
export function actFor(trigger: string): Act {
  const act = ACTS[trigger];
  if (!act) throw new TypeError(`Nobody in the demo makes ${trigger} happen; add it to flow-acts.ts`);
  return act;
}

/** By connector and trigger. */
const ACTS: Readonly<Record<string, Act>> = {
  "google-contacts/contact_created": (props) => void addContact(props),
  "google-contacts/contact_updated": (props) => {
    const { people } = props.sandbox.google.account();
    const { id, value } = contactIn(props);
    people.changeContact(id, { fields: { ...value.fields, phoneNumbers: [{ value: phone(), type: "mobile" }] } });
  },
  "google-contacts/contact_added_to_group": (props) => {
    const { id } = contactIn(props, ({ value }) => !value.groups.includes(props.group));
    props.sandbox.google.account().people.joinGroup(id, props.group);
  },
  "gmail/message_received": (props) => void receive(props),
  "gmail/label_added": (props) => {
    props.sandbox.google.account().mailbox.modify(receive(props), [props.label], []);
  },
  "google-calendar/event_created": ({ sandbox }) => {
    const { calendars } = sandbox.google.account();
    const { email, name } = somebody();
    const start = Math.ceil(calendars.now / HOUR) * HOUR + below(72) * HOUR;
    const attendees = [{ email, displayName: name }];
    calendars.create(calendars.primary, { summary: pick(EVENT_TITLES), ...spanOf(start, start + HOUR), attendees });
  },
  "google-tasks/task_created": ({ sandbox }) => {
    const { email } = pick(sandbox.highLevel.collections.contacts.list().filter((contact) => contact["email"]));
    addTask(sandbox, `${pick(TASK_TITLES)} (for ${String(email)})`);
  },
  "highlevel/contact_created": ({ sandbox: { highLevel } }) => {
    const { givenName, familyName, email } = somebody();
    highLevel.collections.contacts.put({
      id: highLevel.newId(),
      locationId: highLevel.locationId,
      firstName: givenName,
      lastName: familyName,
      email,
      phone: phone(),
      tags: [],
      dateAdded: highLevel.now(),
      dateUpdated: highLevel.now(),
    });
  },
  "highlevel/task_completed": ({ sandbox }) => {
    const { tasks } = sandbox.highLevel.collections;
    const open = tasks.list({ completed: false }).filter(({ body }) => String(body).includes("google-task:"));
    tasks.change(String(open[0]!["id"]), { completed: true });
    if (open.length === 1) bringTaskOver(sandbox); // a next time needs one that was open when it was last looked at
  },
};

/** A task that is at both vendors, as "Google tasks to HighLevel tasks" would have left it. */
function bringTaskOver(sandbox: Sandbox): void {
  const title = pick(TASK_TITLES);
  const { list, id } = addTask(sandbox, title);
  const { highLevel } = sandbox;
  highLevel.collections.tasks.put({
    id: highLevel.newId(),
    title,
    body: `google-task:${list}/${id}`,
    dueDate: highLevel.now(),
    completed: false,
    contactId: highLevel.collections.contacts.list()[0]!["id"],
  });
}

function addTask(sandbox: Sandbox, title: string): { list: string; id: string } {
  const { tasks } = sandbox.google.account();
  const list = tasks.list("@default")!.id;
  return { list, id: tasks.create(list, { title }).id };
}

type Contact = ReturnType<ReturnType<Sandbox["google"]["account"]>["people"]["createContact"]>;

/** A matching one that has an address, or a new one. */
function contactIn(props: Props, suits: (contact: Contact) => boolean = () => true): Contact {
  const contacts = [...props.sandbox.google.account().people.contacts.live()];
  const found = contacts.filter((contact) => contact.value.fields.emailAddresses?.[0] && suits(contact));
  return found.length > 0 ? pick(found) : addContact(props);
}

function addContact({ sandbox }: Props): Contact {
  const { givenName, familyName, email } = somebody();
  const fields = { names: [{ givenName, familyName }], emailAddresses: [{ value: email, type: "home" }] };
  return sandbox.google.account().people.createContact(fields);
}

function receive({ sandbox }: Props) {
  const { name, email } = somebody();
  const written = { from: `${name} <${email}>`, subject: pick(MAIL_SUBJECTS), text: pick(NOTES) };
  return sandbox.google.account().mailbox.receive(written);
}

/** The number makes an address that nobody has had before. */
function somebody(): { givenName: string; familyName: string; name: string; email: string } {
  const [givenName, familyName] = [pick(GIVEN_NAMES), pick(FAMILY_NAMES)];
  const plain = `${givenName}.${familyName}`
    .normalize("NFD")
    .replaceAll(/[^A-Za-z.]/g, "")
    .toLowerCase();
  return { givenName, familyName, name: `${givenName} ${familyName}`, email: `${plain}.${below(1e6)}@example.com` };
}

function phone(): string {
  return `+44 20 7946 0${String(below(1000)).padStart(3, "0")}`;
}

function pick<T>(items: readonly T[]): T {
  return items[below(items.length)]!;
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}
