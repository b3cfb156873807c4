import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { rotateKeys } from "../../runtime/cli/rotate.ts";
import { makeApi } from "../http/compose.ts";

const [OLD, YOUNG] = [7, 9].map((byte) => Buffer.alloc(32, byte).toString("base64")) as [string, string];

/** Tokens are those of one deployment. */
const BASE = "https://app.example";

async function furnished() {
  const folder = mkdtempSync(join(tmpdir(), "hookline-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "keys.db");
  const store = `sqlite:${file}`;
  const first = await makeApi({ store, encryptionKeys: [OLD], baseUrl: BASE });
  const connection = await first.connect("u_1");
  const { id: endpoint } = await first.must("POST", "/v1/endpoints", {
    body: { url: "https://a.example", user: "u_1", headers: { "x-a": "b" } },
  });
  await first.must("PUT", "/v1/users/u_1/variables/region", { body: { value: "eu" } });
  const token = await first.tokenOf("u_1");
  await first.runtime.stop(0);
  const change = (sql: string): void => {
    const db = new DatabaseSync(file);
    db.exec(sql);
    db.close();
  };
  return { store, change, connection, endpoint, token };
}

describe("hookline keys rotate", () => {
  it("seals everything with the newest key, after which the old one is not needed", async () => {
    const { store, connection, endpoint, token } = await furnished();
    await expect(rotateKeys(store, [YOUNG])).rejects.toMatchObject({ code: "encryption_key" });
    expect(await rotateKeys(store, [YOUNG, OLD])).toMatchObject({ changed: 3, broken: 0 });
    expect(await rotateKeys(store, [YOUNG])).toEqual({ changed: 0, broken: 0 });
    const { must } = await makeApi({ store, encryptionKeys: [YOUNG], baseUrl: BASE });
    expect((await must("POST", `/v1/connections/${connection}/test`)).status).toBe("active");
    expect((await must("GET", `/v1/endpoints/${endpoint}`)).headerNames).toEqual(["x-a"]);
    // Tokens that were made before are valid.
    expect((await must("GET", "/v1/users/u_1/variables/region", { token })).value).toBe("eu");
  });

  it("says what does not open, keeps it, and still needs the old key then", async () => {
    const { store, change } = await furnished();
    change("update variables set sealed = x'00'");
    expect(await rotateKeys(store, [YOUNG, OLD])).toMatchObject({ changed: 2, broken: 1 });
    await expect(rotateKeys(store, [YOUNG])).rejects.toMatchObject({ code: "encryption_key" });
  });
});

describe("a row that does not open", () => {
  it("is shown as broken, with what to do, and breaks no list", async () => {
    const { store, change, connection, endpoint } = await furnished();
    change(
      "update variables set sealed = x'00'; update endpoints set sealed = x'00'; update connections set credentials = x'00'",
    );
    const { must } = await makeApi({ store, encryptionKeys: [OLD] });
    const problem = { code: "decryption_failed", message: expect.stringContaining("give every encryption key") };
    expect((await must("GET", "/v1/endpoints")).data).toMatchObject([{ id: endpoint, headerNames: [], problem }]);
    const [variable] = (await must("GET", "/v1/users/u_1/variables")).data;
    expect(variable).toMatchObject({ name: "region", problem });
    expect(variable).not.toHaveProperty("value");
    expect((await must("GET", "/v1/connections")).data).toMatchObject([{ id: connection }]);
    await must("DELETE", `/v1/endpoints/${endpoint}`);
    await must("DELETE", `/v1/connections/${connection}`);
  });

  it("is one that was moved to another user", async () => {
    const { store, change, connection } = await furnished();
    change("update connections set user_id = 'u_2'; update endpoints set user_id = 'u_2'");
    const { ask, must } = await makeApi({ store, encryptionKeys: [OLD] });
    const { body } = await ask("POST", `/v1/connections/${connection}/actions/create_note`, { body: { title: "x" } });
    expect(body.code).toBe("decryption_failed");
    expect((await must("GET", "/v1/endpoints?user=u_2")).data).toMatchObject([
      { problem: { code: "decryption_failed" } },
    ]);
  });
});
