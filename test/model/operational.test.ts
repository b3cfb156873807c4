import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import eventSchema from "../../schemas/event.schema.json" with { type: "json" };
import { compileSchema } from "../../runtime/manifest/validate.ts";
import * as operational from "../../runtime/model/operational.ts";
import type { NewEvent } from "../../runtime/model/events.ts";
import { operations } from "../readme-tables.ts";

const at = Date.parse("2026-11-21T22:00:00Z");
const connection = { id: "con_1", connector: "acme", user: "u_1" };
const subscription = {
  id: "sub_1",
  connection: "con_1",
  user: "u_1",
  trigger: "contact_created",
  endpoint: "ep_1",
} as never;
const endpoint = { id: "ep_1", user: null } as never;
const delivery = (stream: number | null) =>
  ({
    id: "dlv_1",
    attempts: Array.from({ length: 8 }),
    message: { id: "evt_1", type: "contact.created", stream },
  }) as never;
const error = { code: "vendor_error", message: "The vendor answered 500.", at };
const links = { link: "lnk_1", leftId: "l", rightId: null, winner: "left", fields: ["lastName"] };

const made: NewEvent[] = [
  operational.connectionEvent({ ...connection, status: "active" }, { reason: "Ready." }, at),
  operational.connectionEvent(
    { ...connection, status: "reauth_required" },
    { reason: "Gone.", code: "reauth_required" },
    at,
  ),
  operational.degradedEvent("acme", "contacts", subscription, error, at),
  operational.recoveredEvent("acme", "contacts", subscription, at),
  operational.gapEvent("acme", "contacts", subscription, { from: null, to: at, reason: "paused" }, at),
  operational.gapEvent("acme", "contacts", subscription, { from: at - 1, to: at, reason: "cursor_expired" }, at),
  operational.endpointDisabled(endpoint, "its receiver answered 410 Gone", at),
  ...operational.deliveryExhausted(delivery(1), endpoint, at),
  operational.runFailed(
    { id: "run_1", flow: "flow_1", user: null, connection: null },
    { code: "timeout", message: "It took too long", step: "note" },
    at,
  ),
  operational.flowBroken(
    { id: "flow_1", user: "u_1" },
    { code: "not_found", message: "Gone.", connection: "con_1" },
    at,
  ),
  operational.syncConflict({ id: "sync_1", user: "u_1" }, links, at),
];

describe("an operational event", () => {
  const faultsOf = compileSchema(eventSchema);
  it.each(made.map((event) => [event.type, event] as const))("%s is what the schema of events says", (type, event) => {
    const body = { type, timestamp: new Date(event.at).toISOString(), data: event.data };
    expect(faultsOf(JSON.parse(JSON.stringify(body)))).toEqual([]);
    expect(event).toMatchObject({ at, stream: null, recordKey: null, sequence: null, data: { user: event.user } });
  });

  it.each(operational.GAP_REASONS)("gives for a gap a reason that the manual explains: %s", (reason) => {
    expect(readFileSync(operations, "utf8")).toMatch(new RegExp(`^\\| \`${reason}\` +\\|`, "m"));
  });

  it("has the same id when it tells the same of a gap, a delivery or a run, and another one otherwise", () => {
    const gap = (from: number | null, to: number, reason: "paused" | "stalled", now = at) =>
      operational.gapEvent("acme", "contacts", subscription, { from, to, reason }, now).id;
    expect(gap(1, 2, "paused", at + 1)).toBe(gap(1, 2, "paused"));
    expect(new Set([gap(1, 2, "paused"), gap(null, 2, "paused"), gap(1, 3, "paused"), gap(1, 2, "stalled")]).size).toBe(
      4,
    );
    const exhausted = () => operational.deliveryExhausted(delivery(1), endpoint, at)[0]!.id;
    expect(exhausted()).toBe(exhausted());
    const failed = (id: string) =>
      operational.runFailed(
        { id, flow: "flow_1", user: null, connection: null },
        { code: "timeout", message: "It took too long", step: null },
        at,
      ).id;
    expect([failed("run_1") === failed("run_1"), failed("run_1") === failed("run_2")]).toEqual([true, false]);
    const recovered = () => operational.recoveredEvent("acme", "contacts", subscription, at).id;
    expect(recovered()).not.toBe(recovered());
  });

  it("exists of every type there is, and the schema knows no other but the test of an endpoint", () => {
    const types = eventSchema.$defs.operationalEvent.properties.type.enum;
    expect(new Set(made.map(({ type }) => type))).toEqual(new Set(operational.OPERATIONAL_TYPES));
    expect(types.toSorted()).toEqual([...operational.OPERATIONAL_TYPES, "endpoint.test"].sort());
  });

  it("is not made of an operational event that could not be delivered: that would never end", () => {
    expect(operational.deliveryExhausted(delivery(null), endpoint, at)).toEqual([]);
  });
});
