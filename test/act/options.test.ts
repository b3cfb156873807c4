import { describe, expect, it } from "vitest";
import type { Action, Stream } from "../../schemas/manifest.ts";
import { acme, harness, vendorServer } from "../accounts/harness.ts";

const lists: Stream = {
  title: "Lists",
  scopes: ["read"],
  request: { method: "GET", path: "/lists", query: { account: "$input.account" } },
  records: { select: "$response.body#/items", primaryKey: "/id" },
  pagination: { type: "offset", to: "query.skip", pageSize: { param: "query.limit", value: 50 } },
  cursor: { type: "snapshot" },
};
const list = {
  type: "string",
  dynamicValues: { stream: "lists", value: "/id", label: "/title", dependsOn: ["/account"] },
};
const make: Action = {
  title: "Make",
  kind: "create",
  input: {
    type: "object",
    properties: {
      account: { type: "string" },
      list,
      referred: { $ref: "#/$defs/list" },
      described: { $ref: "#/$defs/name", dynamicValues: list.dynamicValues },
      entries: { type: "array", items: { type: "object", properties: { list } } },
    },
    $defs: { list, name: { type: "string" } },
  },
  request: { method: "POST", path: "/things" },
};

describe("choices out of a stream", () => {
  it.each(["list", "referred", "described", "entries.list"])(
    "are what a read of its first page gives: %s",
    async (property) => {
      const vendor = await vendorServer(({ url }) =>
        url === "/v1/me"
          ? { json: { email: "a" } }
          : { json: { items: [{ id: "l1", title: "Friends" }, { id: "l2" }] } },
      );
      const h = await harness([acme({ streams: { lists }, actions: { make } })], { url: vendor.url });
      const { id } = await h.accounts.create({
        connector: "acme",
        user: "u_1",
        credentials: { token: "t".repeat(20) },
      });
      expect(await h.actions.options(id, "make", property, { account: "a1" })).toEqual([
        { value: "l1", label: "Friends" },
        { value: "l2", label: "l2" },
      ]);
      expect(vendor.calls("/v1/lists").map(({ url }) => url)).toEqual(["/v1/lists?account=a1&limit=50"]);
    },
  );
});
