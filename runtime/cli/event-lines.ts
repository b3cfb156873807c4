import { isObject } from "../core/json.ts";
import type { ChangeEvent, WebhookEvent } from "../webhook.ts";
import { printable, shorten, timeOfDay } from "./text.ts";

type Resource = NonNullable<ChangeEvent["data"]["resource"]>;

/** What stays the same, or tells a person nothing. */
const UNTOLD = new Set(["type", "id", "createdAt", "updatedAt", "photoUrl"]);
const LONGEST = 48;
const TYPE_WIDTH = 16;

/** Events as lines for people. Remembers each record as last seen, to show what an update changed. */
export class EventLines {
  readonly #seen: Map<string, Resource>;

  /** @param seen  what another one knew, by {@link remembered} */
  constructor(seen: Iterable<[string, Resource]> = []) {
    this.#seen = new Map(seen);
  }

  get remembered(): [string, Resource][] {
    return [...this.#seen];
  }

  /** `12:30:59  contact.updated   Ada Lovelace  phones: 020 7946 0000 → 020 7946 0001`, in local time. */
  line(event: WebhookEvent): string {
    const told = isChange(event) ? this.#tellChange(event) : tellFacts(event.data);
    return `${timeOfDay(event.timestamp)}  ${event.type.padEnd(TYPE_WIDTH)}  ${told}`;
  }

  #tellChange({ data }: ChangeEvent): string {
    const { resource, change } = data;
    if (!resource) return tellFacts({ connection: data.connection, change });
    const key = `${data.connection} ${resource.type} ${resource.id}`;
    const before = this.#seen.get(key);
    if (change === "deleted") this.#seen.delete(key);
    else this.#seen.set(key, resource);
    const who = nameOf(resource) ?? (before && nameOf(before)) ?? resource.id;
    return [who, describe(change, before, resource)].filter((part) => part !== "").join("  ");
  }
}

function isChange(event: WebhookEvent): event is ChangeEvent {
  return isObject(event.data) && "change" in event.data;
}

function describe(change: string, before: Resource | undefined, after: Resource): string {
  if (change === "deleted") return "";
  if (change === "created" || !before) return summary(after);
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changes = [...names]
    .filter((name) => !UNTOLD.has(name))
    .flatMap((name) => difference(name, before[name], after[name]));
  return changes.join("; ") || summary(after);
}

/** Of lists only what came and went. */
function difference(name: string, before: unknown, after: unknown): string[] {
  const [old, now] = [textsOf(before), textsOf(after)];
  const gone = shorten(old.filter((item) => !now.includes(item)).join(", "), LONGEST);
  const come = shorten(now.filter((item) => !old.includes(item)).join(", "), LONGEST);
  if (gone === "" && come === "") return [];
  if (Array.isArray(before ?? after))
    return [`${name}: ${gone && come ? `${gone} → ${come}` : come ? `+ ${come}` : `- ${gone}`}`];
  return [`${name}: ${gone || "none"} → ${come || "none"}`];
}

function textsOf(value: unknown): string[] {
  return [value ?? []].flat().map(text);
}

/** How to reach somebody, or what something says. */
function summary(resource: Resource): string {
  const { emails, phones, organizations, subject, title, status } = resource;
  const who = nameOf(resource);
  return [emails, phones, organizations, subject, title, status]
    .map(text)
    .filter((part) => part !== "" && part !== who)
    .join("  ");
}

function nameOf(resource: Resource): string | undefined {
  const { displayName, firstName, lastName, emails, phones } = resource;
  const names = [displayName, [firstName, lastName].filter(Boolean).join(" "), emails, phones];
  return names.flatMap(textsOf).find((name) => name !== "");
}

function tellFacts(facts: object): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name} ${text(value)}`)
    .join("  ");
}

function text(value: unknown): string {
  if (typeof value === "string") return shorten(printable(value), LONGEST);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return shorten(value.map(text).join(", "), LONGEST);
  if (!isObject(value)) return "";
  return text(value.value ?? value.name ?? Object.values(value).find((inner) => typeof inner === "string"));
}
