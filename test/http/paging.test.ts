import { describe, expect, it } from "vitest";
import { makeApi } from "./compose.ts";

describe("a list", () => {
  it.each([
    ["/v1/endpoints", { url: "https://a.example" }],
    ["/v1/api-keys", { name: "a key" }],
    ["/v1/connections", { connector: "notes", user: "u_1", credentials: { token: "t" } }],
  ])("of %s comes in pages that hold everything once", async (path, body) => {
    const { must } = await makeApi();
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.push((await must("POST", path, { body })).id);
    const seen: string[] = [];
    const sizes: number[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const page = await must("GET", `${path}?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.data.map(({ id }: { id: string }) => id));
      sizes.push(page.data.length);
      cursor = page.nextCursor;
      expect(made).not.toContain(cursor);
    }
    expect([seen, sizes]).toEqual([made, [2, 2, 1]]);
  });

  it("refuses a cursor that is none", async () => {
    const { ask } = await makeApi();
    const { status, body } = await ask("GET", "/v1/endpoints?cursor=nonsense");
    expect([status, body.code, body.errors]).toEqual([
      400,
      "invalid_input",
      [{ pointer: "/query/cursor", message: "is not valid; pass the `nextCursor` of the previous page" }],
    ]);
  });
});
