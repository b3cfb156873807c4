import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Derive, Manifest } from "../../schemas/manifest.ts";
import { formatFault } from "../../runtime/core/errors.ts";
import { checkManifest } from "../../runtime/manifest/check.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { agencyManifest } from "../accounts/agency.ts";

type Loose = Record<string, unknown>;
type Change = (derive: Derive & Loose, manifest: { authentication: Loose; actions: Record<string, Loose> }) => void;

async function faultsAfter(change: Change): Promise<string[]> {
  const manifest: Manifest = structuredClone(agencyManifest());
  const loose = manifest as unknown as Parameters<Change>[1];
  change(loose.authentication["derive"] as Derive & Loose, loose);
  return checkManifest(await loadManifest(manifest)).map(formatFault);
}

const AT = "#/authentication/derive";

describe("a manifest that derives connections", () => {
  it("has no fault when it is right", async () => {
    expect(await faultsAfter(() => {})).toEqual([]);
  });

  it.each<[string, Change, string]>([
    [
      "a word that is misspelt",
      (derive) => {
        derive["tokn"] = derive.token;
      },
      `${AT}/tokn: unknown property "tokn"; did you mean "token"?`,
    ],
    [
      "an unknown root in the list",
      (derive) => (derive.list = { method: "GET", path: "/x", query: { id: "$derived.id" } }),
      `${AT}/list/query/id: expression "$derived.id": unknown root "$derived". Allowed here: $connection, $client`,
    ],
    [
      "a root that is nearly right",
      (derive) => (derive.values = { branch: "$derivd.id" }),
      `${AT}/values/branch: expression "$derivd.id": unknown root "$derivd"; did you mean "$derived"? Allowed here: $derived, $connection`,
    ],
    [
      "a condition that does not parse",
      (derive) => (derive.when = "connection.kind =="),
      `${AT}/when: expression \`connection.kind ==\`: it ends too early`,
    ],
    [
      "a scope that is not declared",
      (derive) => (derive.scopes = ["dervie"]),
      `${AT}/scopes/0: there is no declared scope "dervie"; did you mean "derive"?`,
    ],
    [
      "a token that is the same for all",
      (derive) => (derive.token = { method: "POST", path: "/token", body: {} }),
      `${AT}/token: asks for the same token whatever it is for; read $derived.id`,
    ],
    [
      "values that are the same for all",
      (derive) => (derive.values = { kind: "branch" }),
      `${AT}/values: gives every derived connection the same values; read $derived.id`,
    ],
    [
      "values that prove no account",
      (derive) => (derive.values = { office: "$derived.id", kind: "branch" }),
      `${AT}/values: leaves "account" without a proof of which one it is`,
    ],
    [
      "a condition that holds for what is derived",
      (derive) => (derive.when = "connection.branch"),
      `${AT}/when: holds for derived connections too, from which none is derived`,
    ],
    [
      "no account beside it",
      (_derive, manifest) => void delete manifest.authentication["account"],
      `${AT}: needs "account" beside it: what tells derived connections apart`,
    ],
    [
      "a parent in a manifest that derives none",
      (_derive, manifest) => void delete manifest.authentication["derive"],
      '#/actions/agency_only/as: names a parent that no connection has; declare "derive" in an authentication of type oauth2',
    ],
    [
      "an input that says for which one the parent is asked",
      (_derive, manifest) => {
        const { properties } = manifest.actions["agency_only"]!["input"] as { properties: Loose };
        properties["branch"] = { type: "string" };
      },
      "#/actions/agency_only/input/properties/branch: is fixed by derive.values where the parent's credentials are used; read $connection.branch",
    ],
    [
      "a relation that does not exist",
      (_derive, manifest) => (manifest.actions["agency_only"]!["as"] = "agency"),
      "#/actions/agency_only/as: ",
    ],
    ["a list without a place", (derive) => (derive.each = { id: "/id" } as Derive["each"]), `${AT}/each/select`],
  ])("has a fault for %s", async (_what, change, fault) => {
    const faults = await faultsAfter(change);
    expect(faults.map((one) => one.slice(0, fault.length))).toContain(fault);
  });

  it("tells the values that are a derived connection's own from those it takes over", async () => {
    const { authentication } = compileConnector(await loadManifest(agencyManifest()));
    const { derivation } = authentication.get("oauth2")!;
    expect(derivation!.own).toEqual(["branch"]);
    expect(derivation!.values({ derived: { id: "north" }, connection: { agency: "a-1", kind: "agency" } })).toEqual({
      branch: "north",
      agency: "a-1",
      kind: "branch",
    });
  });

  it("is what docs/derived-connections.md shows", async () => {
    const guide = await readFile(new URL("../../docs/derived-connections.md", import.meta.url), "utf8");
    const [, example] = /```json\n([^]*?)```/.exec(guide)!;
    const shown = JSON.parse(example!) as Derive;
    expect(
      await faultsAfter((_derive, manifest) => {
        const authentication = manifest.authentication;
        authentication["scopes"] = {
          ...(authentication["scopes"] as object),
          "oauth.readonly": "See",
          "oauth.write": "Get",
        };
        authentication["derive"] = shown;
        authentication["account"] = { location: "$connection.locationId" };
      }),
    ).toEqual([]);
  });
});
