import type { Clock } from "../../core/clock.ts";
import { HooklineError } from "../../core/errors.ts";
import { hash32 } from "../random.ts";
import { Calendars } from "./calendar/calendars.ts";
import type { CalendarsSnapshot } from "./calendar/calendars.ts";
import { Mailbox } from "./gmail/mailbox.ts";
import type { MailboxSnapshot } from "./gmail/mailbox.ts";
import { OAuthServer } from "./oauth.ts";
import type { GrantSnapshot, OAuthClient } from "./oauth.ts";
import { AddressBook } from "./people/address-book.ts";
import type { AddressBookSnapshot } from "./people/address-book.ts";
import type { GoogleSettings } from "./settings.ts";
import { TaskLists } from "./tasks/task-lists.ts";
import type { TaskListsSnapshot } from "./tasks/task-lists.ts";

interface AccountOptions {
  email: string;
  /** How many contacts to begin with. */
  contacts: number;
  /** How many "other contacts" to begin with. Default: a tenth of the contacts. */
  otherContacts?: number;
  /** The same seed gives the same people under the same ids. */
  seed: number;
}

/** The state of the simulated Google as it is written down: plain JSON. */
export interface GoogleSnapshot {
  settings: GoogleSettings;
  grants: GrantSnapshot[];
  accounts: AccountSnapshot[];
}

interface AccountSnapshot {
  email: string;
  syncEpoch: number;
  people: AddressBookSnapshot;
  tasks: TaskListsSnapshot;
  calendars: CalendarsSnapshot;
  mailbox: MailboxSnapshot;
}

/** How many tasks, events and messages an account begins with, unless it begins empty. */
const FIRST_ITEMS = 5;

const accountId = (email: string): string => `1${String(hash32(email)).padStart(20, "0")}`;

/** One Google account with what it holds. */
export class Account {
  readonly email: string;
  /** The id of the person, as in `people/<id>`. */
  readonly id: string;
  readonly people: AddressBook;
  readonly tasks: TaskLists;
  readonly calendars: Calendars;
  readonly mailbox: Mailbox;
  /** Sync tokens of an earlier epoch have expired. */
  syncEpoch: number;

  constructor(options: AccountOptions, clock: Clock, snapshot?: AccountSnapshot) {
    this.email = options.email;
    this.id = accountId(options.email);
    const otherContacts = options.otherContacts ?? Math.floor(options.contacts / 10);
    const { seed, contacts } = options;
    const items = contacts > 0 ? FIRST_ITEMS : 0;
    this.people = new AddressBook({ clock, seed, contacts, otherContacts }, snapshot?.people);
    this.tasks = new TaskLists({ clock, seed, tasks: items }, snapshot?.tasks);
    this.calendars = new Calendars({ clock, seed, email: this.email, events: items }, snapshot?.calendars);
    this.mailbox = new Mailbox({ clock, seed, email: this.email, messages: items }, snapshot?.mailbox);
    this.syncEpoch = snapshot?.syncEpoch ?? 0;
  }

  snapshot(): AccountSnapshot {
    const { email, syncEpoch } = this;
    const [people, tasks] = [this.people.snapshot(), this.tasks.snapshot()];
    return { email, syncEpoch, people, tasks, calendars: this.calendars.snapshot(), mailbox: this.mailbox.snapshot() };
  }
}

/** The state of the simulated Google: accounts, grants, settings. */
export class Google {
  readonly clock: Clock;
  readonly settings: GoogleSettings;
  readonly oauth: OAuthServer;
  readonly accounts = new Map<string, Account>();

  constructor(options: { clock: Clock; settings: GoogleSettings; clients: readonly OAuthClient[] }) {
    this.clock = options.clock;
    this.settings = options.settings;
    this.oauth = new OAuthServer({ ...options, subjectOf: accountId });
  }

  snapshot(): GoogleSnapshot {
    const accounts = [...this.accounts.values()].map((account) => account.snapshot());
    return { settings: { ...this.settings }, grants: this.oauth.snapshot(), accounts };
  }

  /** Takes over settings, grants and accounts of a snapshot; every token given out before is as good as it was. */
  restore({ settings, grants, accounts }: GoogleSnapshot): void {
    Object.assign(this.settings, settings);
    this.oauth.restore(grants);
    for (const account of accounts) {
      const { email, people } = account;
      this.accounts.set(email, new Account({ email, seed: people.seed, contacts: 0 }, this.clock, account));
    }
  }

  /** Throws `conflict` when the account exists. */
  addAccount(options: AccountOptions): Account {
    if (this.accounts.has(options.email)) {
      throw new HooklineError("conflict", `accounts: ${options.email} exists already; choose another address.`);
    }
    const account = new Account(options, this.clock);
    this.accounts.set(options.email, account);
    return account;
  }

  /** The account with an address, or the first one when none is given. Throws `not_found`. */
  account(email?: string): Account {
    const account = email === undefined ? this.accounts.values().next().value : this.accounts.get(email);
    if (account) return account;
    const known = [...this.accounts.keys()].join(", ");
    throw new HooklineError("not_found", `accounts: there is no ${email ?? "account"}; known: ${known || "none"}.`);
  }

  /** Expires every sync token given out so far, of one account or of all. */
  expireSyncTokens(email?: string): void {
    for (const account of email === undefined ? this.accounts.values() : [this.account(email)]) account.syncEpoch++;
  }
}
