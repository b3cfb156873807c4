import { describe, expect, it } from "vitest";
import { formatFault } from "../../runtime/core/errors.ts";
import { checkManifest } from "../../runtime/manifest/check.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { acme } from "./acme.ts";

const batch = {
  action: "update_contact",
  size: 10,
  inputs: { all: "$items" },
  results: { $expr: "response.body.all" },
};

async function withBatch(change: object) {
  const manifest = acme() as { actions: { get_contact: object } };
  manifest.actions.get_contact = { ...manifest.actions.get_contact, batch: { ...batch, ...change } };
  return loadManifest(manifest);
}

describe("the call for many of an action", () => {
  it("is another action that exists, with expressions that parse and use the roots of their place", async () => {
    const faultsOf = async (change: object) => checkManifest(await withBatch(change)).map(formatFault);
    expect(await faultsOf({})).toEqual([]);
    const at = "#/actions/get_contact/batch";
    expect(await faultsOf({ action: "update_contacts" })).toEqual([
      `${at}/action: there is no other action "update_contacts"; did you mean "update_contact"?`,
    ]);
    expect(await faultsOf({ action: "get_contact" })).toEqual([
      expect.stringMatching(`^${at}/action: there is no other action "get_contact"; `),
    ]);
    expect(await faultsOf({ inputs: { all: "$input.id" } })).toEqual([expect.stringMatching(`^${at}/inputs/all: `)]);
    expect(await faultsOf({ results: { $expr: "response.body[" } })).toEqual([
      expect.stringMatching(`^${at}/results: `),
    ]);
    expect(await faultsOf({ size: 1 })).toEqual([expect.stringMatching(`^${at}/size: `)]);
  });

  it("takes the inputs as a template puts them, and knows what it may name only once", async () => {
    const { actions } = compileConnector(await withBatch({ distinct: "/id" }));
    const compiled = actions.get("get_contact")!.batch!;
    expect(compiled.inputs({ items: [{ id: "a" }, { id: "b" }] })).toEqual({ all: [{ id: "a" }, { id: "b" }] });
    expect(compiled.results({ response: { body: { all: [1, 2] } } })).toEqual([1, 2]);
    expect(compiled.distinct!({ id: "a" })).toBe("a");
  });
});
