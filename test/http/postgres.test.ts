import { describe, expect, it, onTestFinished } from "vitest";
import { createTestStore } from "../postgres.ts";
import { makeApi } from "./compose.ts";

async function makePostgresApi() {
  const { url, drop } = await createTestStore("real");
  onTestFinished(drop);
  return makeApi({ store: url });
}

describe("the API on PostgreSQL", () => {
  it("makes a hundred flows at once, on streams that are being polled", async () => {
    const { ask, must, connect } = await makePostgresApi();
    const connections = await Promise.all(Array.from({ length: 4 }, () => connect("u_1")));
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => {
        const connection = connections[i % connections.length]!;
        const step = { id: "note", connection, action: "create_note", input: { title: "a" } };
        const body = { name: `Flow ${i}`, triggers: [{ connection, trigger: "note_created" }], steps: [step] };
        return ask("POST", "/v1/flows", { body });
      }),
    );
    const failed = answers.filter(({ status }) => status !== 201).map(({ status, body }) => [status, body.detail]);
    expect(failed).toEqual([]);
    expect((await must("GET", "/v1/flows?limit=200")).data).toHaveLength(100);
  });
});
