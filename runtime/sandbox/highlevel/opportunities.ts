import type { Call, Handlers } from "./api.ts";
import { DONE, texts } from "./contacts.ts";
import type { HighLevel, Row } from "./state.ts";

/** Opportunities and pipelines. */
export const opportunityHandlers: Handlers = {
  "GET /opportunities/search": ({ highLevel, query }) => {
    const rows = highLevel.collections.opportunities
      .list({
        pipelineId: query.get("pipeline_id"),
        pipelineStageId: query.get("pipeline_stage_id"),
        contactId: query.get("contact_id"),
        assignedTo: query.get("assigned_to"),
        status: query.get("status") === "all" ? undefined : query.get("status"),
      })
      .filter((row) =>
        String(row["name"])
          .toLowerCase()
          .includes((query.get("q") ?? "").toLowerCase()),
      )
      .toReversed();
    // Both are needed to go on: with one alone the list begins anew.
    const [after, afterId] = [query.get("startAfter"), query.get("startAfterId")];
    const from = after !== null && afterId !== null ? rows.findIndex((row) => row["id"] === afterId) + 1 : 0;
    const opportunities = rows.slice(from, from + Number(query.get("limit") ?? 20));
    const last = opportunities.at(-1);
    const more = last && from + opportunities.length < rows.length;
    const next = more ? { startAfterId: last["id"], startAfter: Date.parse(String(last["createdAt"])) } : {};
    return { opportunities, meta: { total: rows.length, currentPage: 1, ...next } };
  },
  "POST /opportunities/search": ({ highLevel, body }) => {
    const rows = highLevel.collections.opportunities
      .list()
      .map((row) => ({ ...row, sort: [Date.parse(String(row["updatedAt"])), String(row["id"])] as const }))
      .toSorted(({ sort: [a, aId] }, { sort: [b, bId] }) => a - b || (aId < bId ? -1 : 1));
    const after = body["searchAfter"] as [number, string] | undefined;
    const rest = rows.filter(
      ({ sort: [time, id] }) => !after || time > after[0] || (time === after[0] && id > after[1]),
    );
    return { opportunities: rest.slice(0, Number(body["limit"])), total: rows.length };
  },
  "GET /opportunities/pipelines": ({ highLevel }) => ({ pipelines: highLevel.collections.pipelines.list() }),
  "GET /opportunities/{id}": ({ highLevel, path }) => ({
    opportunity: highLevel.collections.opportunities.get(path["id"]),
  }),
  "POST /opportunities/": ({ highLevel, body }) => ({ opportunity: create(highLevel, body) }),
  "PUT /opportunities/{id}": (call) => ({ opportunity: change(call, call.body) }),
  "DELETE /opportunities/{id}": ({ highLevel, path }) => {
    highLevel.collections.opportunities.remove(path["id"]);
    return { success: true };
  },
  "PUT /opportunities/{id}/status": (call) => {
    change(call, call.body);
    return DONE;
  },
  "POST /opportunities/upsert": ({ highLevel, body }) => {
    const { isRemoveAllFollowers: _, followersActionType: __, followers: ___, id, ...fields } = body;
    const { contactId, pipelineId } = fields;
    const known = id
      ? [highLevel.collections.opportunities.get(String(id))]
      : highLevel.collections.opportunities.list({ contactId, pipelineId });
    if (known[0])
      return { opportunity: change({ highLevel, path: { id: String(known[0]["id"]) } }, fields), new: false };
    return { opportunity: create(highLevel, { status: "open", ...fields }), new: true };
  },
  "POST /opportunities/{id}/followers": (call) => {
    const before = texts(call.highLevel.collections.opportunities.get(call.path["id"]), "followers");
    const followersAdded = texts(call.body, "followers").filter((id) => !before.includes(id));
    change(call, { followers: [...before, ...followersAdded] });
    return { followers: [...before, ...followersAdded], followersAdded };
  },
  "DELETE /opportunities/{id}/followers": (call) => {
    const before = texts(call.highLevel.collections.opportunities.get(call.path["id"]), "followers");
    const gone = call.query.get("isRemoveAllFollowers") === "true" ? before : texts(call.body, "followers");
    const followers = before.filter((id) => !gone.includes(id));
    change(call, { followers });
    return { followers, followersRemoved: gone };
  },
};

function create(highLevel: HighLevel, body: Row): Row {
  const { contacts, pipelines, opportunities } = highLevel.collections;
  const pipeline = pipelines.get(String(body["pipelineId"]));
  const owner = contacts.rows.get(String(body["contactId"]));
  const contact = owner && {
    id: owner["id"],
    name: `${String(owner["firstName"])} ${String(owner["lastName"])}`,
    email: owner["email"],
    tags: owner["tags"],
  };
  const now = highLevel.now();
  const stamps = { createdAt: now, updatedAt: now, lastStatusChangeAt: now, lastStageChangeAt: now };
  const stage = { pipelineStageId: (pipeline["stages"] as Row[])[0]!["id"] };
  return opportunities.put({ id: highLevel.newId(), followers: [], ...stage, ...read(body), contact, ...stamps });
}

function change({ highLevel, path }: Pick<Call, "highLevel" | "path">, changes: Row): Row {
  const { opportunities } = highLevel.collections;
  const before = opportunities.get(path["id"]);
  const now = highLevel.now();
  const after = read(changes);
  const moved = (name: string) => after[name] !== undefined && after[name] !== before[name];
  return opportunities.change(path["id"], {
    ...after,
    updatedAt: now,
    ...(moved("status") && { lastStatusChangeAt: now }),
    ...(moved("pipelineStageId") && { lastStageChangeAt: now }),
  });
}

/** Custom fields are written under `field_value` and read under `fieldValue`. */
function read(body: Row): Row {
  const fields = body["customFields"] as Row[] | undefined;
  return fields
    ? { ...body, customFields: fields.map(({ id, key, field_value }) => ({ id: id ?? key, fieldValue: field_value })) }
    : body;
}
