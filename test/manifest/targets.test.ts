import { describe, expect, it } from "vitest";
import { compileTarget, targetPath, type RequestParts } from "../../runtime/manifest/targets.ts";

const request: RequestParts = {
  method: "POST",
  body: {
    filterGroups: [
      {
        filters: [
          { property: "updated", value: null },
          { property: "kind", value: "a" },
        ],
      },
    ],
  },
};

describe("a target", () => {
  it.each<[target: string, changed: Partial<RequestParts>]>([
    ["query.page.after", { query: { page: { after: 1 } } }],
    ["query#/created[gte]", { query: { "created[gte]": 1 } }],
    ["headers#/x~1since", { headers: { "x/since": 1 } }],
    [
      "body#/filterGroups/0/filters/0/value",
      {
        body: {
          filterGroups: [
            {
              filters: [
                { property: "updated", value: 1 },
                { property: "kind", value: "a" },
              ],
            },
          ],
        },
      },
    ],
  ])("puts a value into a request and leaves the original as it is: %s", (target, changed) => {
    const before = structuredClone(request);
    expect(compileTarget(target)(request, 1)).toEqual({ ...request, ...changed });
    expect(request).toEqual(before);
    expect(targetPath(target)[0]).toBe(Object.keys(changed)[0]);
  });
});
