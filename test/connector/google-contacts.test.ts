import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { people } from "googleapis/build/src/apis/people/index.js";
import { describe, expect, it } from "vitest";
import { isObject } from "../../runtime/core/json.ts";
import { checkManifest } from "../../runtime/manifest/check.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";

const loaded = await loadManifest("google-contacts");
const connector = compileConnector(loaded);
const { manifest } = loaded;

/** Every `method` of a request, wherever it stands. */
function methodsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(methodsIn);
  if (!isObject(value)) return [];
  const own = typeof value["method"] === "string" ? [value["method"]] : [];
  return [...own, ...Object.values(value).flatMap(methodsIn)];
}

function classify(status: number, body: unknown, scope?: string): string | undefined {
  const answer = { status, headers: {}, body };
  return connector.errors.find((error) => (!error.scope || error.scope === scope) && error.matches(answer))?.class;
}

const apiError = (message: string, reason?: string) => ({
  error: { code: 400, message, status: "FAILED_PRECONDITION", ...(reason && { details: [{ reason }] }) },
});

describe("the Google Contacts connector", () => {
  it("has a manifest without faults", () => {
    expect(checkManifest(loaded)).toEqual([]);
  });

  it("offers the triggers and events that consumers know", () => {
    expect(Object.fromEntries([...connector.triggers.values()].map(({ name, event }) => [name, event]))).toEqual({
      contact_created: "contact.created",
      contact_updated: "contact.updated",
      contact_deleted: "contact.deleted",
      contact_added_to_group: "contact.added_to_group",
      contact_removed_from_group: "contact.removed_from_group",
      group_created: "group.created",
      group_updated: "group.updated",
      group_deleted: "group.deleted",
      other_contact_created: "other_contact.created",
    });
  });

  it("names only methods that the people v1 client has", () => {
    const client = people("v1") as unknown as Record<string, unknown>;
    const methods = [...new Set(methodsIn([manifest.authentication, manifest.streams, manifest.actions]))];
    const missing = methods.filter((method) => {
      const found = method
        .split(".")
        .reduce<unknown>((part, name) => (part as Record<string, unknown>)?.[name], client);
      return typeof found !== "function";
    });
    expect(methods.length).toBeGreaterThan(15);
    expect(missing).toEqual([]);
  });

  it("has its icon beside the manifest", () => {
    const file = join(loaded.directory!, manifest.icon!);
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, "utf8")).toContain("<svg");
  });

  it("declares every scope that a stream or action needs", () => {
    const declared = Object.keys((manifest.authentication as { scopes: object }).scopes);
    const used = [...connector.streams.values(), ...connector.actions.values()].flatMap(({ scopes }) => scopes.flat());
    expect(declared).toEqual(expect.arrayContaining([...new Set(used)]));
    expect([...connector.actions.values()].filter(({ scopes }) => scopes.length === 0)).toEqual([]);
  });

  it("runs the writes of one account one at a time, and reads at will", () => {
    for (const { name, definition, serial } of connector.actions.values()) {
      expect([name, serial]).toEqual([name, !["get", "search", "list"].includes(definition.kind)]);
    }
  });

  it("refuses unknown properties in every input", () => {
    const lenient = [...connector.actions.values()].filter(
      ({ validateInput }) => !validateInput({ surprise: 1 }).some(({ message }) => message.includes("surprise")),
    );
    expect(lenient.map(({ name }) => name)).toEqual([]);
  });
});

describe.each([...connector.triggers.values()])("the sample of trigger $name", ({ stream, definition }) => {
  const { validateRecord, key, deleted, resource } = connector.streams.get(stream)!;

  it("is a record of its stream", () => {
    expect(validateRecord!(definition.sample)).toEqual([]);
    expect(key(definition.sample)).toBeTypeOf("string");
    expect(deleted!(definition.sample)).toBe(definition.on === "deleted");
    expect(resource!.map(definition.sample)).toMatchObject({ id: key(definition.sample) });
  });
});

describe.each([...connector.actions.values()])("the sample of action $name", (action) => {
  it("has an input and an output that fit their schemas", () => {
    const { input, output } = action.definition.sample!;
    expect(action.validateInput(input)).toEqual([]);
    expect(action.validateOutput!(output)).toEqual([]);
  });
});

describe("errors of Google", () => {
  const expired = "Sync token is expired. Clear local cache and retry call without the sync token.";
  const stale = "Request person.etag is different than the current person.etag. Clear local cache.";
  const oldStale = "Request person.metadata.sources.etag is different than the current person.metadata.sources.etag.";

  it("tell an expired sync token by reason or by message, with status 400 and with 410", () => {
    expect(classify(400, apiError("Precondition failed.", "EXPIRED_SYNC_TOKEN"), "stream")).toBe("cursorExpired");
    expect(classify(400, apiError(expired), "stream")).toBe("cursorExpired");
    expect(classify(410, undefined, "stream")).toBe("cursorExpired");
  });

  it("tell a stale etag from an expired sync token, although both are FAILED_PRECONDITION", () => {
    expect(classify(400, apiError(stale), "action")).toBe("conflict");
    expect(classify(400, apiError(oldStale), "action")).toBe("conflict");
    expect(classify(400, apiError("Request must have a query."), "action")).toBeUndefined();
  });

  it("never take an error outside a stream for an expired cursor", () => {
    expect(classify(410, {}, "action")).toBeUndefined();
    expect(classify(400, apiError(expired), "action")).toBeUndefined();
  });

  it("tell a quota by minute, a quota by day and a missing scope apart, all of them 403", () => {
    const legacy = (reason: string) => ({ error: { code: 403, message: "No.", errors: [{ reason }] } });
    const perDay = {
      error: { details: [{ reason: "RATE_LIMIT_EXCEEDED", metadata: { quota_limit: "ReadsPerDay" } }] },
    };
    expect(classify(403, apiError("Quota exceeded.", "RATE_LIMIT_EXCEEDED"))).toBe("rateLimited");
    expect(classify(403, legacy("userRateLimitExceeded"))).toBe("rateLimited");
    expect(classify(403, legacy("dailyLimitExceeded"))).toBe("quotaExceeded");
    expect(classify(429, perDay)).toBe("quotaExceeded");
    expect(classify(403, apiError("No.", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"))).toBe("scopeMissing");
    expect(classify(403, apiError("Request had insufficient authentication scopes."))).toBe("scopeMissing");
    expect(classify(403, apiError("The caller does not have permission"))).toBeUndefined();
  });

  it("count every 429 as a limit, whatever its body", () => {
    expect(classify(429, apiError("Resource has been exhausted (e.g. check quota)."))).toBe("rateLimited");
    expect(classify(429, "<html>")).toBe("rateLimited");
  });

  it("tell a revoked grant at the token endpoint from an expired access token", () => {
    expect(
      classify(400, { error: "invalid_grant", error_description: "Token has been expired or revoked." }, "token"),
    ).toBe("authRevoked");
    expect(classify(401, { error: { code: 401, message: "Request had invalid authentication credentials." } })).toBe(
      "authExpired",
    );
    expect(classify(400, { error: "invalid_request" }, "token")).toBeUndefined();
  });
});
