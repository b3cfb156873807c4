import { describe, expect, it } from "vitest";
import catalog from "../fixtures/highlevel-catalog.json" with { type: "json" };
import type { Stream } from "../../schemas/manifest.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { implementationOf, refreshed } from "./highlevel-table.ts";

const { manifest } = await loadManifest("highlevel");
const serverVersion = "url" in manifest.server ? manifest.server.headers!["Version"] : undefined;

/** What the issue adds to the catalog. */
const WANTED = 15;

/** A path whose variables have no names: the catalog's are HighLevel's, ours say what is meant. */
const shape = (path: string) => path.replaceAll(/\{\w+\}/g, "{}");
const snakeCase = (name: string) =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replace(/_$/, "");

describe("the catalog", () => {
  it.each(catalog.map((row) => [row.kind, row.name, row] as const))("has the %s %s", (_kind, name, row) => {
    const found = implementationOf(manifest, row)!;
    expect(found.key).toBe(snakeCase(name));
    const { method, path, headers } = found.request;
    expect(`${method} ${shape(path)}`).toBe(`${row.method} ${shape(row.path)}`);
    // One row names no version; the server takes any.
    expect((headers?.["Version"] as string | undefined) ?? serverVersion).toBe(row.version ?? serverVersion);
    expect(found.source.scopes).toEqual(row.scopes);
  });

  it("is all there is, but for the triggers people want", () => {
    const { triggers = {}, actions = {} } = manifest;
    const rows = (kind: string) => catalog.filter((row) => row.kind === kind).length;
    expect(Object.keys(triggers)).toHaveLength(rows("trigger") + WANTED);
    expect(Object.keys(actions)).toHaveLength(rows("action"));
    expect(catalog).toHaveLength(rows("trigger") + rows("action"));
  });

  /** What a stream of each class is read by. */
  const readBy: Record<string, (stream: Stream) => boolean> = {
    incremental: ({ cursor }) => cursor.type === "keyset" || cursor.type === "snapshot",
    window: ({ cursor }) => cursor.type === "window",
    "list-diff": ({ cursor }) => cursor.type === "snapshot" && !cursor.single,
    "record-snapshot": ({ cursor }) => cursor.type === "snapshot",
    lookup: ({ cursor }) => cursor.type === "snapshot" || cursor.type === "window",
    file: ({ cursor, request }) => cursor.type === "snapshot" && "answer" in request && request.answer === "binary",
  };

  it.each(Object.entries(readBy))("reads what is of class %s as such", (triggerClass, fits) => {
    const rows = catalog.filter((row) => row.triggerClass === triggerClass);
    const wrong = rows.filter((row) => !fits(implementationOf(manifest, row)!.source as Stream));
    expect(rows.length).toBeGreaterThan(0);
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it("has no other classes of triggers", () => {
    expect(new Set(catalog.flatMap((row) => row.triggerClass ?? []))).toEqual(new Set(Object.keys(readBy)));
  });

  it("lets every trigger be polled every minute", () => {
    const wrong = Object.entries(manifest.triggers!).filter(([, { schedule }]) => schedule!.minSeconds! > 60);
    expect(wrong.map(([key]) => key)).toEqual(["contact_deleted"]);
  });

  it.each([
    ["Agency", "connection.userType == 'Company'"],
    ["Location", "connection.locationId && connection.userType != 'Company'"],
  ])("asks before any call for a connection of the kind that alone will do: %s", (kind, condition) => {
    const rows = catalog.filter((row) => row.token.join() === kind);
    const wrong = rows.filter((row) => implementationOf(manifest, row)!.source.requires?.condition !== condition);
    expect(rows.length).toBeGreaterThan(0);
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it("sends as the agency what only an agency may, and nothing else", () => {
    const sent = catalog.filter((row) => implementationOf(manifest, row)!.source.as === "parent");
    expect(sent).toEqual(catalog.filter((row) => row.token.join() === "Agency"));
    expect(sent).toHaveLength(4);
  });

  it("is what the README tells", async () => {
    const { before, after } = await refreshed();
    // When it is not: node test/connector/highlevel-table.ts
    expect(before).toBe(after);
  });
});
