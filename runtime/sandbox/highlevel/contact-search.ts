import { HighLevelError } from "./errors.ts";
import type { Call } from "./api.ts";
import type { Row } from "./state.ts";

interface Filter {
  field?: string;
  operator?: string;
  value?: unknown;
  group?: "AND" | "OR";
  filters?: Filter[];
}

/** A page ends here, however it is asked for. */
const MOST_BY_PAGE = 10_000;

/** A contact as the search shows it: another name for the street, and where to go on after it. */
export function found(row: Row): Row {
  const { address1, ...rest } = row;
  const time = Date.parse(String(row["dateUpdated"]));
  return {
    ...rest,
    address: address1 ?? null,
    contactName: [row["firstName"], row["lastName"]].filter(Boolean).join(" ").toLowerCase(),
    additionalEmails: [],
    searchAfter: [time, row["id"]],
  };
}

/** `POST /contacts/search`: filters, order by up to two fields, and pages by number or after a record. */
export function searchContacts({ highLevel, body }: Call): object {
  const shown = highLevel.clock.now() - highLevel.settings.searchDelayMs;
  const sort = (body["sort"] ?? [{ field: "dateAdded", direction: "desc" }]) as { field: string; direction: string }[];
  const rows = highLevel.collections.contacts
    .list({ locationId: body["locationId"] })
    .filter((row) => Date.parse(String(row["dateUpdated"])) <= shown)
    .filter(
      (row) =>
        mentions(row, body["query"]) && ((body["filters"] ?? []) as Filter[]).every((filter) => meets(row, filter)),
    )
    .toSorted((a, b) => compare(a, b, sort))
    .map((row) => ({ ...found(row), searchAfter: place(row, sort[0]!.field) }));
  const limit = Number(body["pageLimit"]);
  const after = body["searchAfter"] as [number, string] | undefined;
  if (after) {
    const descending = sort[0]!.direction === "desc";
    const rest = rows.filter(({ searchAfter }) =>
      descending ? isAfter(after, searchAfter) : isAfter(searchAfter, after),
    );
    return { contacts: rest.slice(0, limit), total: rows.length };
  }
  const page = Number(body["page"] ?? 1);
  if (page * limit > MOST_BY_PAGE) throw new HighLevelError(422, ["page * pageLimit must not be greater than 10000"]);
  return { contacts: rows.slice((page - 1) * limit, page * limit), total: rows.length };
}

function place(row: Row, field: string): [number, string] {
  return [Date.parse(String(row[field])) || 0, String(row["id"])];
}

function isAfter([time, id]: [number, string], [otherTime, otherId]: [number, string]): boolean {
  return time > otherTime || (time === otherTime && id > otherId);
}

function compare(a: Row, b: Row, sort: { field: string; direction: string }[]): number {
  for (const { field, direction } of [...sort, { field: "id", direction: sort[0]!.direction }]) {
    const [x, y] = [String(a[field] ?? ""), String(b[field] ?? "")];
    if (x !== y) return (x < y ? -1 : 1) * (direction === "desc" ? -1 : 1);
  }
  return 0;
}

function mentions(row: Row, query: unknown): boolean {
  if (typeof query !== "string" || query === "") return true;
  const text = ["firstName", "lastName", "email", "phone", "companyName"]
    .map((name) => String(row[name] ?? ""))
    .join(" ");
  return text.toLowerCase().includes(query.toLowerCase());
}

function meets(row: Row, { field = "", operator, value, group, filters = [] }: Filter): boolean {
  if (group) return group === "OR" ? filters.some((one) => meets(row, one)) : filters.every((one) => meets(row, one));
  const own = row[field];
  switch (operator) {
    case "eq":
      return String(own ?? "").toLowerCase() === String(value).toLowerCase();
    case "not_eq":
      return String(own ?? "").toLowerCase() !== String(value).toLowerCase();
    case "contains":
      return [value]
        .flat()
        .every((one) => (Array.isArray(own) ? own.includes(one) : String(own ?? "").includes(String(one))));
    case "exists":
      return own !== undefined && own !== null && own !== "";
    case "not_exists":
      return own === undefined || own === null || own === "";
    case "range":
      return inRange(Date.parse(String(own)), value as Record<string, string | number>);
    default:
      throw new HighLevelError(422, [`filters: operator ${String(operator)} is not supported`]);
  }
}

function inRange(time: number, { gt, gte, lt, lte }: Record<string, string | number>): boolean {
  const at = (bound: string | number) => (typeof bound === "number" ? bound : Date.parse(bound));
  return (
    (gt === undefined || time > at(gt)) &&
    (gte === undefined || time >= at(gte)) &&
    (lt === undefined || time < at(lt)) &&
    (lte === undefined || time <= at(lte))
  );
}
