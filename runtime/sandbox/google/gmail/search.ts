import { addressesOf, headerOf } from "./mail.ts";
import type { Label, Message } from "./mailbox.ts";

type Test = (message: Message) => boolean;

interface Context {
  labels: ReadonlyMap<string, Label>;
  now: number;
}

const DAY = 86_400_000;
const UNITS: Record<string, number> = { h: DAY / 24, d: DAY, m: 30 * DAY, y: 365 * DAY };
const TOKEN = /[(){}]|-?(?:\w+:)?(?:"[^"]*"|[^\s(){}"]+)|-(?=\()/g;

/** Gmail's search language, as far as it is about labels, addresses, words, files and times; `OR`, `-` and brackets included. */
export function parseSearch(query: string, context: Context): Test {
  const tokens = query.match(TOKEN) ?? [];
  let at = 0;
  const all = (end: string): Test => {
    let alternatives: Test[][] = [[]];
    while (at < tokens.length && tokens[at] !== end) {
      const token = tokens[at++]!;
      if (token === "OR")
        alternatives[alternatives.length - 1]!.push(either(alternatives.at(-1)!.pop(), term(tokens[at++] ?? "")));
      else if (token !== "AND") alternatives.at(-1)!.push(term(token));
    }
    at++;
    const tests = alternatives[0]!;
    return (message) => tests.every((test) => test(message));
  };
  const term = (token: string): Test => {
    if (token === "(") return all(")");
    if (token === "-") return not(term(tokens[at++] ?? ""));
    if (token.startsWith("-")) return not(simple(token.slice(1), context));
    return simple(token, context);
  };
  return all("");
}

const not =
  (test: Test): Test =>
  (message) =>
    !test(message);
const either = (a: Test | undefined, b: Test): Test => (a ? (message) => a(message) || b(message) : b);

function simple(token: string, { labels, now }: Context): Test {
  const [, operator, text] = /^(?:(\w+):)?"?([^"]*)"?$/.exec(token)!;
  const value = text!.toLowerCase();
  const labelled =
    (id: string): Test =>
    (message) =>
      message.labelIds.includes(id);
  switch (operator) {
    case "in":
      if (value === "anywhere") return () => true;
      return labelled({ drafts: "DRAFT", draft: "DRAFT", chats: "CHAT" }[value] ?? value.toUpperCase());
    case "is":
      return value === "read" ? not(labelled("UNREAD")) : labelled(value.toUpperCase());
    case "label": {
      const found = [...labels.values()].find(
        ({ id, name }) => id.toLowerCase() === value || dashed(name) === dashed(value),
      );
      return found ? labelled(found.id) : () => false;
    }
    case "from":
    case "to":
    case "cc":
    case "subject":
      return ({ mail }) => (headerOf(mail, operator) ?? "").toLowerCase().includes(value);
    case "has":
      return ({ mail }) => value === "attachment" && mail.attachments.length > 0;
    case "filename":
      return ({ mail }) => mail.attachments.some(({ filename }) => filename.toLowerCase().includes(value));
    case "rfc822msgid":
      return ({ mail }) => headerOf(mail, "message-id")?.replaceAll(/[<>]/g, "") === text!.replaceAll(/[<>]/g, "");
    case "after":
    case "before": {
      const time = /^\d{5,}$/.test(value) ? Number(value) * 1000 : Date.parse(value.replaceAll("/", "-"));
      return ({ internalDate }) => (operator === "after" ? internalDate >= time : internalDate < time);
    }
    case "newer_than":
    case "older_than": {
      const time = now - Number.parseInt(value, 10) * (UNITS[value.at(-1)!] ?? DAY);
      return ({ internalDate }) => (operator === "newer_than" ? internalDate >= time : internalDate < time);
    }
    default:
      return ({ mail }) =>
        [headerOf(mail, "subject"), mail.text, mail.html, ...addressesOf(mail, "from", "to")].some((part) =>
          part?.toLowerCase().includes(token.replaceAll('"', "").toLowerCase()),
        );
  }
}

/** Label names in searches have dashes for spaces and slashes. */
const dashed = (name: string): string => name.toLowerCase().replaceAll(/[\s/]/g, "-");
