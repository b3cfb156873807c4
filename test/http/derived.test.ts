import { describe, expect, it, onTestFinished } from "vitest";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import { tokens } from "../connector/highlevel-world.ts";
import { makeApi, soon } from "./compose.ts";

async function makeAgency() {
  const sandbox = await createSandbox({ contacts: 1 });
  onTestFinished(() => sandbox.stop());
  const api = await makeApi({
    connectors: ["highlevel"],
    servers: sandbox.servers,
    clients: { highlevel: sandbox.client },
  });
  const { access_token, refresh_token } = tokens(sandbox, "Company");
  const { companyId, locationId } = sandbox.highLevel;
  const { id: parent } = await api.must("POST", "/v1/connections", {
    body: {
      connector: "highlevel",
      user: "u_1",
      credentials: { type: "oauth2", accessToken: access_token, refreshToken: refresh_token },
      inputs: { companyId, userType: "Company" },
    },
  });
  const tokenOf = async (user: string): Promise<string> =>
    (await api.must("POST", `/v1/users/${user}/tokens`, { body: {} })).token;
  return { ...api, sandbox, parent, locationId, at: `/v1/connections/${parent}/derived`, tokenOf };
}

describe("derived connections over HTTP", () => {
  it("are listed and made by their owner, and used like any other", async () => {
    const { must, at, locationId, parent, tokenOf, sandbox } = await makeAgency();
    const token = await tokenOf("u_1");
    expect((await must("GET", at, { token })).data).toMatchObject([{ id: locationId, connections: [] }]);
    const { data, remaining } = await must("POST", at, { token, body: { all: true } });
    expect([data.length, data[0].error, remaining]).toEqual([1, null, 0]);
    const { id } = data[0].connection;
    expect(await must("GET", `/v1/connections/${id}`, { token })).toMatchObject({
      status: "active",
      account: { id: locationId },
      parent,
    });
    const { output } = await must("POST", `/v1/connections/${id}/actions/find_contact`, {
      token,
      body: { query: "ada" },
    });
    expect(output.total).toBe(1);
    const { data: functions } = await must("GET", "/v1/functions?format=mcp", { token });
    const namesOf = (connection: string): string[] =>
      (functions as { name: string }[])
        .map(({ name }) => name)
        .filter((name) => name.endsWith(connection.slice(-6)))
        .map((name) => name.slice("highlevel-".length, -7));
    expect(namesOf(id)).toEqual(expect.arrayContaining(["create_contact", "create_location"]));
    expect(namesOf(parent)).toContain("create_location");
    expect(namesOf(parent)).not.toContain("create_contact");

    sandbox.highLevel.oauth.uninstall();
    await must("POST", `/v1/connections/${parent}/test`, { token }).catch(() => undefined);
    // A job follows.
    await soon(async () => (await must("GET", `/v1/connections/${id}`)).status === "reauth_required");
    expect((await must("GET", `/v1/connections/${id}`)).error.reason).toBe("parent_lost");
  });

  it("are refused to others", async () => {
    const { ask, at, tokenOf, locationId } = await makeAgency();
    const [own, other] = [await tokenOf("u_1"), await tokenOf("u_2")];
    const codes = async (token: string, body: object) => {
      const { status, body: answer } = await ask("POST", at, { token, body });
      return [status, answer.code];
    };
    expect(await codes(other, { all: true })).toEqual([404, "not_found"]);
    expect(await codes(own, { ids: [locationId], user: "u_2" })).toEqual([403, "forbidden"]);
    expect(await codes(own, {})).toEqual([400, "invalid_input"]);
  });
});
