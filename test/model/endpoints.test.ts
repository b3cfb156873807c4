import { describe, expect, it } from "vitest";
import { newEndpoint } from "../../runtime/model/endpoints.ts";

const url = "https://consumer.example/hooks";
const faultsOf = (given: object) => newEndpoint.faults({ url, ...given });

describe("a new endpoint", () => {
  it("has at most 100 patterns of events", () => {
    const patterns = (count: number) => Array.from({ length: count }, (_, i) => `contact.${i}`);
    expect(faultsOf({ events: patterns(100) })).toEqual([]);
    expect(faultsOf({ events: patterns(101) })).toMatchObject([{ pointer: "/events" }]);
  });

  it("has at most 32 headers", () => {
    const headers = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, "v"]));
    expect(faultsOf({ headers: headers(32) })).toEqual([]);
    expect(faultsOf({ headers: headers(33) })).toEqual([
      { pointer: "/headers", message: "33 headers; at most 32 are sent" },
    ]);
  });

  it("has headers of at most 4096 characters", () => {
    expect(faultsOf({ headers: { "x-a": "a".repeat(4096) } })).toEqual([]);
    expect(faultsOf({ headers: { "x-a": "a".repeat(4097) } })).toEqual([
      { pointer: "/headers/x-a", message: "longer than 4096 characters; shorten it" },
    ]);
  });
});
