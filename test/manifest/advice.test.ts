/** What a manifest without faults could do better. */
import { describe, expect, it } from "vitest";
import { formatFault } from "../../runtime/core/errors.ts";
import { manifestAdvice } from "../../runtime/manifest/advice.ts";
import { checkManifest } from "../../runtime/manifest/check.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { acme, type Loose } from "./acme.ts";

async function advice(change: (manifest: Loose) => void): Promise<string[]> {
  const manifest: Loose = acme();
  manifest.authentication.account = { id: "$response.body#/id" };
  change(manifest);
  const loaded = await loadManifest(manifest);
  expect(checkManifest(loaded)).toEqual([]);
  return manifestAdvice(loaded).map(formatFault);
}

describe("a value of the connection that nothing gives", () => {
  it("is named wherever it is read", async () => {
    const found = await advice((manifest) => {
      manifest.server.headers["X-Site"] = "at {$connection.site}";
      manifest.streams.contacts.request.path = "/{connection.locatonId}/contacts";
    });
    expect(found).toEqual([
      '#/server/headers/X-Site: reads "site" of the connection, which nothing gives, so it stays empty; declare it in connectionInput, or capture it',
      '#/streams/contacts/request/path: reads "locatonId" of the connection, which nothing gives, so it stays empty; did you mean "locationId"?',
    ]);
  });

  it("is none that is captured, that people give, or that every connection has", async () => {
    const found = await advice((manifest) => {
      manifest.authentication.connectionInput = { type: "object", properties: { site: { type: "string" } } };
      const read = ["site", "locationId", "id", "user", "account"].map((name) => `{$connection.${name}}`);
      manifest.server.headers["X-All"] = read.join(" ");
    });
    expect(found).toEqual([]);
  });

  it("is not looked for where the form of what people give does not name it", async () => {
    const found = await advice((manifest) => {
      const one = { type: "object", properties: { site: { type: "string" } } };
      manifest.authentication.connectionInput = { type: "object", anyOf: [one] };
      manifest.server.headers["X-Site"] = "$connection.site";
    });
    expect(found).toEqual([]);
  });
});
