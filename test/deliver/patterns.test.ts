import { describe, expect, it } from "vitest";
import { patternFault } from "../../runtime/deliver/patterns.ts";
import { compileConnector, type Connector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { makeHarness, quietLog, type Harness } from "./harness.ts";

const url = "https://consumer.example/hook";
const google = compileConnector(await loadManifest("google-contacts"));
const calendar = compileConnector(await loadManifest("google-calendar"));
const connectors = new Map<string, Connector>([google, calendar].map((one) => [one.name, one]));

/** The fault of a pattern, and the patterns of which a warning was logged. */
function check(pattern: string): [fault: string | undefined, logged: unknown[]] {
  const logged: unknown[] = [];
  const log = { warn: (facts: Record<string, unknown>) => void logged.push(facts["pattern"]) };
  return [patternFault({ connectors, log }, pattern), logged];
}

describe("an event pattern", () => {
  it.each([
    "*",
    "contact.*",
    "contact.created",
    "contact.added_to_group",
    "event.starting",
    "endpoint.disabled",
    "sync.*",
  ])("%s matches events that are known", (pattern) => {
    expect(check(pattern)).toEqual([undefined, []]);
  });

  it.each([
    ["contact.craeted", "contact.created"],
    ["contact.create", "contact.created"],
    ["contact.udpatd", "contact.updated"],
    ["contact.Created", "contact.created"],
    ["contact.added_to_grop", "contact.added_to_group"],
    ["contacts.created", "contact.created"],
    ["contacts.*", "contact.*"],
    ["Contact.*", "contact.*"],
    ["contcat.*", "contact.*"],
    ["contact", "contact.*"],
    ["contact.created.*", "contact.created"],
    ["groups.*", "group.*"],
    ["other_contct.created", "other_contact.created"],
    ["conection.active", "connection.active"],
    ["delivery.exausted", "delivery.exhausted"],
    ["deliveries.*", "delivery.*"],
    ["event.startng", "event.starting"],
  ])("%s is refused as a slip of the pen for %s", (pattern, meant) => {
    expect(check(pattern)).toEqual([
      `"${pattern}" matches no event of a loaded connector; did you mean "${meant}"?`,
      [],
    ]);
  });

  it.each([
    "contract.*",
    "contract.created",
    "opportunity.created",
    "agent.*",
    "slow",
    "slow.*",
    "contact.archived",
    "even.*",
  ])("%s is allowed and logged: a connector that has its events may be loaded later", (pattern) => {
    expect(check(pattern)).toEqual([undefined, [pattern]]);
  });

  it("is checked by the endpoint's and the consumer's door in the same words", async () => {
    const { endpoints, consumers } = await makeHarness({ connectors });
    const message = '"contact.craeted" matches no event of a loaded connector; did you mean "contact.created"?';
    const faults = [{ pointer: "/events/1", message }];
    const events = ["contact.*", "contact.craeted"];
    const { id } = await endpoints.create({ url });
    await expect(endpoints.create({ url, events })).rejects.toMatchObject({ code: "invalid_input", faults });
    await expect(endpoints.update(id, { events })).rejects.toMatchObject({ code: "invalid_input", faults });
    expect((await endpoints.get(id)).events).toEqual(["*"]);
    expect(() => consumers.on("contact.craeted", () => {})).toThrow(
      expect.objectContaining({ code: "invalid_input", message: `on: ${message}` }),
    );
  });

  it("of no loaded connector is kept and delivers once its events come", async () => {
    const lines: unknown[] = [];
    const log = { ...quietLog, warn: (facts: Record<string, unknown>) => void lines.push(facts) };
    const harness: Harness = await makeHarness({ connectors, log });
    await harness.endpoints.create({ url, events: ["opportunity.*"] });
    expect(lines).toEqual([{ pattern: "opportunity.*" }]);
    await harness.emit({ type: "opportunity.created" });
    expect(await harness.made()).toHaveLength(1);
  });
});
