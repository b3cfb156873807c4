import { describe, expect, it } from "vitest";
import { makeApi, soon } from "./compose.ts";

describe("POST /v1/subscriptions/{id}/audit", () => {
  it("answers what the library answers, to an admin and to the user whose subscription it is", async () => {
    const { ask, must, runtime, connect, tokenOf } = await makeApi();
    const connection = await connect("u_1");
    const body = { connection, trigger: "note_created" };
    const { id } = await must("POST", "/v1/subscriptions", { body });
    const second = await must("POST", "/v1/subscriptions", { body });
    const path = `/v1/subscriptions/${id}/audit`;
    await soon(async () => expect((await must("GET", `/v1/subscriptions/${id}/health`)).state).toBe("active"));
    const found = await must("POST", path, { body: { timeoutSeconds: 30 } });
    expect(found).toMatchObject({
      subscription: id,
      subscriptions: [id, second.id],
      connection,
      stream: "notes",
      verdict: "proved",
      read: 4,
      known: 4,
    });
    const { beganAt, endedAt, ...facts } = found;
    expect(Date.parse(endedAt)).toBeGreaterThanOrEqual(Date.parse(beganAt));
    const times = { beganAt: expect.any(String), endedAt: expect.any(String) };
    const same = { ...facts, ...times };
    expect(await runtime.subscriptions.audit(id)).toEqual(same);
    expect(await must("POST", path, { token: await tokenOf("u_1") })).toEqual(same);
    const stranger = await ask("POST", path, { token: await tokenOf("u_2") });
    expect([stranger.status, stranger.body.code]).toEqual([404, "not_found"]);
    await expect(runtime.subscriptions.audit(id, {}, { user: "u_2" })).rejects.toMatchObject({
      code: "not_found",
      message: stranger.body.detail,
    });
  });

  it("names what polls did not know", async () => {
    const { must, connect, vendor } = await makeApi();
    const connection = await connect("u_1");
    const { id } = await must("POST", "/v1/subscriptions", { body: { connection, trigger: "note_created" } });
    await soon(async () => expect((await must("GET", `/v1/subscriptions/${id}/health`)).state).toBe("active"));
    vendor.further.push({ id: "n5", title: "new" });
    expect(await must("POST", `/v1/subscriptions/${id}/audit`)).toMatchObject({
      verdict: "proved",
      read: 5,
      pending: { count: 1, keys: ["n5"] },
    });
  });
});
