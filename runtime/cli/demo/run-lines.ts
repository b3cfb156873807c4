import { isObject } from "../../core/json.ts";
import { printable, shorten, timeOfDay } from "../text.ts";
import type { RunDetails, RunStepView } from "../../flows/model/runs.ts";

/** The line about a sync. */
export interface SyncCounts {
  pulled: number;
  pushed: number;
  conflictCount: number;
  links: { synced: number; failed: number };
}

const MARKS: Partial<Record<RunStepView["status"], string>> = { succeeded: "✓", skipped: "–" };
const LONGEST = 60;

/**
 * `12:30:59  New Gmail senders  message_received  Ada Lovelace · Hello  find_contact ✓ · upsert_contact ✓ · tag –`, in local time.
 *
 * @param actions  by step; a step of another kind is called by its id
 */
export function runLine(flow: string, run: RunDetails, actions: ReadonlyMap<string, string>): string {
  const { trigger } = run;
  const [change, who] = isObject(trigger)
    ? [String(trigger["trigger"] ?? run.cause), whoIn(trigger["resource"])]
    : [run.cause, ""];
  const steps = run.steps.map(({ id, status, error }) => {
    const outcome = `${actions.get(id) ?? id} ${MARKS[status] ?? "✗"}`;
    return error ? `${outcome} (${brief(error.message)})` : outcome;
  });
  const unbegun = run.error && run.error.step === null ? [`✗ (${brief(run.error.message)})`] : [];
  const outcomes = [...steps, ...unbegun].join(" · ");
  return [timeOfDay(run.finishedAt ?? run.createdAt), flow, change, who, outcomes]
    .filter((part) => part !== "")
    .join("  ");
}

export function syncLine(name: string, { pulled, pushed, conflictCount, links }: SyncCounts, at: string): string {
  const failed = links.failed > 0 ? ` · ${links.failed} failed ✗` : "";
  const counts = `${pulled} pulled · ${pushed} pushed · ${conflictCount} conflicts · ${links.synced} kept alike${failed}`;
  return [timeOfDay(at), name, counts].join("  ");
}

/** Who it is, whom it is from or for, and what it says. */
function whoIn(resource: unknown): string {
  if (!isObject(resource)) return "";
  const { displayName, firstName, lastName, from, title, subject } = resource;
  const people = [from, firstOf(resource["attendees"])]
    .filter(isObject)
    .flatMap(({ name, value, email }) => [name, value, email]);
  const [who] = texts(texts(firstName, lastName).join(" "), displayName, ...people, emailOf(resource));
  return texts(who, title ?? subject).join(" · ");
}

function emailOf({ emails }: Record<string, unknown>): unknown {
  const email = firstOf(emails);
  return isObject(email) ? email["value"] : email;
}

function firstOf(list: unknown): unknown {
  return Array.isArray(list) ? list[0] : undefined;
}

function texts(...values: unknown[]): string[] {
  return values
    .filter((value) => typeof value === "string")
    .map(brief)
    .filter((text) => text !== "");
}

const brief = (value: string): string => shorten(printable(value), LONGEST);
