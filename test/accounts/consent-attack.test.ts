/** What is asked for, over random grants, registrations, uses and wishes of the connectors that come along. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createConsent, type Wish } from "../../runtime/accounts/consent.ts";
import { draftOf } from "../../runtime/accounts/draft.ts";
import type { NeededScope } from "../../runtime/accounts/scopes.ts";
import type { Vendor } from "../../runtime/accounts/vendors.ts";
import { methodsOf } from "../../runtime/accounts/credentials.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { SEED } from "../fixtures/tier.ts";

const NAMES = ["gmail", "google-calendar", "google-contacts", "google-tasks", "highlevel"] as const;
const connectors = new Map(
  await Promise.all(NAMES.map(async (name) => [name, compileConnector(await loadManifest(name))] as const)),
);

const isMet = (needed: readonly NeededScope[], held: readonly string[]): boolean =>
  needed.every((scope) => [scope].flat().some((one) => held.includes(one)));

describe.each(NAMES)("the consent of %s", (name) => {
  const connector = connectors.get(name)!;
  const method = methodsOf(connector.manifest.authentication).find(({ type }) => type === "oauth2")!;
  if (method.type !== "oauth2") throw new TypeError(`${name} has no OAuth`);
  const declared = Object.keys(method.scopes);
  const some = fc.subarray(declared);
  const wishes: fc.Arbitrary<Wish> = fc.record(
    {
      scopes: some,
      triggers: fc.subarray([...connector.triggers.keys()], { maxLength: 4 }),
      actions: fc.subarray([...connector.actions.keys()], { maxLength: 4 }),
    },
    { requiredKeys: [] },
  );
  const needsOf = ({ scopes = [], triggers = [], actions = [] }: Wish): readonly NeededScope[] => [
    ...scopes,
    ...triggers.flatMap((one) => connector.streams.get(connector.triggers.get(one)!.stream)!.scopes),
    ...actions.flatMap((one) => connector.actions.get(one)!.scopes),
  ];

  it("asks for what is named, used and was granted, and for nothing that is not registered, twice, or not needed", async () => {
    await fc.assert(
      fc.asyncProperty(some, some, wishes, some, fc.boolean(), async (granted, registered, wish, used, isConnected) => {
        const row = {
          ...draftOf({ connector: name, user: "u_1" }, "oauth2", 0),
          ...(isConnected && { credentials: Buffer.alloc(1), scopes: granted }),
        };
        const vendor = { connector, scopes: registered } as unknown as Vendor;
        const { scopesFor } = createConsent({ consent: "least", scopesInUse: async () => used });
        const needed = needsOf(wish);
        const isPossible = needed.every((scope) => [scope].flat().some((one) => registered.includes(one)));
        const asked = await scopesFor(vendor, row, wish).catch((error: { code: string }) => error.code);
        const isUnknown = isConnected && granted.length === 0 && needed.length === 0;
        const before = isConnected ? granted.filter((one) => registered.includes(one)) : [];
        // Each one that was not granted before answers a need: of what is named, used, or needed to connect.
        const all = [...needed, ...(isConnected ? used : []), ...(method.connectScopes ?? [])];
        const isNeeded = (scope: string): boolean => all.some((need) => [need].flat().includes(scope));
        const isRight = (scopes: string[]): boolean =>
          new Set(scopes).size === scopes.length &&
          scopes.every((one) => registered.includes(one)) &&
          isMet(needed, scopes) &&
          before.every((one) => scopes.includes(one)) &&
          (isUnknown
            ? scopes.length === registered.length
            : scopes.every((one) => before.includes(one) || isNeeded(one)));
        expect(
          typeof asked === "string" ? asked === "invalid_input" && !isPossible : isPossible && isRight(asked),
        ).toBe(true);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });
});
