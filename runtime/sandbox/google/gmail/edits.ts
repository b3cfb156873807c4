import type { EditMaker, WeightedEdit } from "../../edit.ts";
import { MAIL_SUBJECTS, NOTES } from "../../names.ts";
import type { Random } from "../../random.ts";
import type { Account } from "../google.ts";
import { randomSender } from "./mailbox.ts";

const receive: EditMaker = ({ mailbox }, random) => {
  const written = { from: randomSender(random), subject: random.pick(MAIL_SUBJECTS), text: random.pick(NOTES) };
  return { kind: "received", resourceName: mailbox.receive(written).id };
};

const sendMail: EditMaker = ({ mailbox, email }, random) => {
  const written = {
    from: email,
    to: randomSender(random),
    subject: random.pick(MAIL_SUBJECTS),
    text: random.pick(NOTES),
  };
  return { kind: "sent", resourceName: mailbox.receive(written, { labelIds: ["SENT"] }).id };
};

const star: EditMaker = (account, random) => {
  const message = anyMessage(account, random);
  if (!message) return undefined;
  account.mailbox.modify(message, ["STARRED"], []);
  return { kind: "labelled", resourceName: message.id, what: "STARRED" };
};

const read: EditMaker = (account, random) => {
  const message = anyMessage(account, random);
  if (!message) return undefined;
  account.mailbox.modify(message, [], ["UNREAD"]);
  return { kind: "updated", resourceName: message.id, what: "UNREAD" };
};

/** What happens in a mailbox. */
export const gmailEdits: readonly WeightedEdit[] = [
  { weight: 60, change: receive },
  { weight: 15, change: sendMail },
  { weight: 10, change: star },
  { weight: 15, change: read },
];

function anyMessage({ mailbox }: Account, random: Random) {
  const messages = [...mailbox.messages.values()];
  return messages.length === 0 ? undefined : random.pick(messages);
}
