import { describe, expect, it } from "vitest";
import type { SendOptions } from "../../runtime/accounts/client.ts";
import { hostGuard } from "../../runtime/vendor/hosts.ts";
import { createGoogleTransport } from "../../runtime/vendor/transports/googleapis.ts";
import { createNetwork } from "../../runtime/core/network.ts";
import { acme, harness, later, vendorServer } from "./harness.ts";

const READ: SendOptions = { scope: "stream", kind: "read", retry: { max: 0, on: [] } };

async function people(answer: Parameters<typeof vendorServer>[0], prefix = "") {
  const vendor = await vendorServer(answer);
  const manifest = acme({
    server: { googleapis: { api: "people", version: "v1" } },
    allowedHosts: ["people.googleapis.com"],
    authentication: { type: "bearer" },
  });
  const h = await harness([manifest], { url: vendor.url, servers: { acme: { url: vendor.url + prefix } } });
  const { id } = await h.accounts.create({
    connector: "acme",
    user: "u",
    credentials: { token: "canary-google-token" },
  });
  return { ...h, id, vendor, client: await h.accounts.client(id) };
}

describe("a request through googleapis", () => {
  it("becomes the method's path, parameters and body, with our credentials, at the given address", async () => {
    const { client, vendor } = await people(() => ({ json: { connections: [] } }), "/google/people/");
    const answer = await client.send(
      {
        method: "people.connections.list",
        params: {
          resourceName: "people/me",
          personFields: "names",
          sources: ["READ_SOURCE_TYPE_CONTACT"],
          pageSize: 10,
        },
      },
      READ,
    );
    expect(answer).toMatchObject({
      status: 200,
      body: { connections: [] },
      url: `${vendor.url}/google/people/v1/people/me/connections`,
    });
    expect(vendor.seen[0]).toMatchObject({
      method: "GET",
      url: "/google/people/v1/people/me/connections?personFields=names&sources=READ_SOURCE_TYPE_CONTACT&pageSize=10",
      headers: { authorization: "Bearer canary-google-token" },
    });
    await client.send(
      { method: "people.createContact", params: { personFields: "names" }, body: { names: [{ givenName: "Ada" }] } },
      { ...READ, kind: "write" },
    );
    expect(vendor.seen[1]).toMatchObject({ method: "POST", body: '{"names":[{"givenName":"Ada"}]}' });
  });

  it("is not needed for a path of the API itself: that goes out as plain HTTP with the same credentials", async () => {
    const { client, vendor } = await people(() => ({ json: { ok: 1 } }), "/google");
    expect(
      (await client.send({ method: "GET", path: "/v1/people:search", query: { query: "Ada" } }, READ)).body,
    ).toEqual({ ok: 1 });
    expect(vendor.seen[0]).toMatchObject({
      url: "/google/v1/people:search?query=Ada",
      headers: { authorization: "Bearer canary-google-token" },
    });
  });

  it("does not change the constant parts of a manifest's request", async () => {
    const { client } = await people(() => ({ json: {} }));
    const request = Object.freeze({
      method: "people.get",
      params: Object.freeze({ resourceName: "people/me", sources: Object.freeze(["A"]) as string[] }),
    });
    await client.send(request, READ);
    await client.send(request, READ);
    expect(request.params).toEqual({ resourceName: "people/me", sources: ["A"] });
  });

  it("gives an error answer as an answer: no retries inside, and no secrets in the error", async () => {
    const { client, vendor, logged } = await people(() => ({
      status: 503,
      json: { error: { code: 503, message: "Backend Error", status: "UNAVAILABLE" } },
    }));
    const error = (await client
      .send({ method: "people.get", params: { resourceName: "people/me" } }, READ)
      .catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({
      class: "serverError",
      message: "acme people.get: the vendor answered 503: Backend Error; try again later",
    });
    expect(vendor.seen).toHaveLength(1);
    expect(JSON.stringify([error, error.stack, error.cause, logged])).not.toContain("canary-google-token");
  });

  it("gives network failures as ours, not as those of the package", async () => {
    const { client } = await people(() => "reset");
    const error = (await client
      .send({ method: "people.get", params: { resourceName: "people/me" } }, READ)
      .catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({ name: "HooklineError", code: "network", data: { sent: true } });
    expect(error).not.toHaveProperty("config");
  });

  it("that lacks a parameter is refused before it leaves", async () => {
    const { client, vendor } = await people(() => ({ json: {} }));
    await expect(client.send({ method: "people.get", params: {} }, READ)).rejects.toMatchObject({
      code: "invalid_input",
      message: "people.people.get: Missing required parameters: resourceName; check the request's params",
    });
    await expect(
      client.send({ method: "people.get", params: { resourceName: "people/../../x" } }, READ),
    ).rejects.toMatchObject({ code: "invalid_input" });
    expect(vendor.seen).toHaveLength(0);
  });

  it.each([
    ["people.connections.lst", 'did you mean "people.connections.list"?'],
    ["context.google", "write it as resource.method"],
    ["people.constructor", "write it as resource.method"],
    ["__proto__.toString", "write it as resource.method"],
    ["list", "write it as resource.method"],
  ])("with the unknown method %s is a fault of the manifest", async (method, hint) => {
    const { client } = await people(() => ({ json: {} }));
    await expect(client.send({ method }, READ)).rejects.toMatchObject({
      code: "invalid_manifest",
      message: `request.method: googleapis people has no method "${method}"; ${hint}`,
    });
  });

  it("for an API or version that is not there is a fault of the manifest", async () => {
    const network = createNetwork({ allowPrivate: false, allow: [], trusted: [] });
    later(() => network.close());
    const context = { credentials: { headers: {}, query: {} }, headers: {}, deadlineMs: 1000 };
    const send = (api: string, version: string) =>
      createGoogleTransport({ api, version, network, assertHost: hostGuard("x", []) }).request(
        { method: "a.b" },
        context,
      );
    await expect(send("peeple", "v1")).rejects.toMatchObject({
      code: "invalid_manifest",
      message: 'server.googleapis: there is no API "peeple" in googleapis; check its name',
    });
    await expect(send("../../../../gaxios/build", "v1")).rejects.toMatchObject({ code: "invalid_manifest" });
    await expect(send("people", "v9")).rejects.toMatchObject({
      code: "invalid_manifest",
      message: 'server.googleapis: people has no version "v9"; check it',
    });
  });

  it("leaves for the hosts of the manifest only", async () => {
    const network = createNetwork({ allowPrivate: false, allow: [], trusted: [] });
    later(() => network.close());
    const transport = createGoogleTransport({
      api: "people",
      version: "v1",
      network,
      assertHost: hostGuard("acme", ["other.example"]),
    });
    const context = { credentials: { headers: {}, query: {} }, headers: {}, deadlineMs: 1000 };
    await expect(
      transport.request({ method: "people.get", params: { resourceName: "people/me" } }, context),
    ).rejects.toMatchObject({
      code: "host_not_allowed",
      message: expect.stringMatching(/^acme: https:\/\/people\.googleapis\.com is not one of its hosts/),
    });
  });
});
