import { describe, expect, it } from "vitest";
import { OPERATIONS } from "../../../runtime/sandbox/highlevel/operations.ts";
import catalog from "../../fixtures/highlevel-catalog.json" with { type: "json" };
import { openClient, samples } from "./client.ts";

const contact = `/contacts/${samples.contact.id}`;
const locationId = samples.location.id;

describe("the simulated HighLevel", () => {
  it("answers every endpoint of the catalog", () => {
    const known = new Set(OPERATIONS.map(({ method, path }) => `${method} ${path}`));
    expect(catalog.filter(({ method, path }) => !known.has(`${method} ${path}`))).toEqual([]);
  });

  it("tells in headers what is left of both limits, and refuses what is above", async () => {
    await using client = await openClient({ highLevel: { burst: 2, daily: 3 } });
    const { headers } = await client.call("GET", contact);
    expect(Object.fromEntries([...headers].filter(([name]) => name.startsWith("x-ratelimit")))).toEqual({
      "x-ratelimit-limit-daily": "3",
      "x-ratelimit-daily-remaining": "2",
      "x-ratelimit-daily-reset": "86400000",
      "x-ratelimit-interval-milliseconds": "10000",
      "x-ratelimit-max": "2",
      "x-ratelimit-remaining": "1",
    });
    await client.call("GET", contact);
    expect(await client.call("GET", contact)).toMatchObject({ status: 429, body: { message: "Too Many Requests" } });
    client.clock.advance(10_000);
    expect((await client.call("GET", contact)).status).toBe(200);
    client.clock.advance(10_000);
    const { status, headers: last } = await client.call("GET", contact);
    expect([status, last.get("x-ratelimit-daily-remaining")]).toEqual([429, "0"]);
  });

  it.each([
    ["a token", { authorization: undefined }, "Invalid token: access token is invalid"],
    ["a version header", { version: undefined }, "version header was not found."],
    ["a version that exists", { version: "1.0" }, "version header is invalid"],
  ])("wants %s", async (_, headers, message) => {
    await using client = await openClient();
    expect(await client.call("GET", contact, undefined, headers)).toMatchObject({
      status: 401,
      body: { statusCode: 401, message, error: "Unauthorized", traceId: expect.any(String) as unknown },
    });
  });

  it("has 401 for a scope that was not granted, and for tokens of the wrong kind", async () => {
    await using client = await openClient();
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    const narrow = bearer(client.tokens("Location", ["locations.readonly"]).access_token);
    expect(await client.call("GET", contact, undefined, narrow)).toMatchObject({
      status: 401,
      body: { message: "The token is not authorized for this scope." },
    });
    const agency = bearer(client.tokens("Company").access_token);
    expect(await client.call("GET", contact, undefined, agency)).toMatchObject({
      status: 401,
      body: { message: "This token's user type is not yet supported!" },
    });
    expect((await client.call("GET", `/snapshots/?companyId=${samples.company.id}`)).status).toBe(401);
    expect((await client.call("GET", `/snapshots/?companyId=${samples.company.id}`, undefined, agency)).status).toBe(
      200,
    );
  });

  it("opens no other location", async () => {
    await using client = await openClient();
    expect(await client.call("GET", "/calendars/?locationId=elsewhere")).toMatchObject({
      status: 403,
      body: { message: "The token does not have access to this location." },
    });
  });

  it.each<[string, string, unknown, string[]]>([
    [
      "POST",
      `${contact}/tasks`,
      { title: 1 },
      ["dueDate should not be empty", "completed should not be empty", "title must be a string"],
    ],
    [
      "POST",
      `${contact}/tasks`,
      { title: "a", dueDate: "b", completed: false, note: 1 },
      ["property note should not exist"],
    ],
    ["POST", "/contacts/search", { locationId }, ["pageLimit should not be empty"]],
    ["GET", "/calendars/", undefined, ["locationId should not be empty"]],
    ["GET", `/calendars/?locationId=${locationId}&colour=red`, undefined, ["property colour should not exist"]],
    [
      "GET",
      `/calendars/events?locationId=${locationId}&startTime=0&endTime=1`,
      undefined,
      ["one of calendarId, userId or groupId is required"],
    ],
    ["GET", `/associations/?locationId=${locationId}&skip=0`, undefined, ["limit should not be empty"]],
    [
      "GET",
      `/calendars/appointments/${samples.appointment.id}/notes?offset=0&limit=21`,
      undefined,
      ["limit must not be greater than 20"],
    ],
    [
      "GET",
      `/calendars/resources/ships?locationId=${locationId}&skip=0&limit=10`,
      undefined,
      ["resourceType must be one of the following values: equipments, rooms"],
    ],
    [
      "PUT",
      `/opportunities/${samples.opportunity.id}/status`,
      { status: "gone" },
      ["status must be one of the following values: open, won, lost, abandoned, all"],
    ],
    ["POST", `/calendars/${samples.calendar.id}/notifications`, { receiverType: "contact" }, ["body must be an array"]],
    [
      "POST",
      "/conversations/providers/live-chat/typing",
      { locationId, isTyping: true, visitorId: "v", conversationId: "c" },
      ["isTyping must be a string"],
    ],
  ])("refuses %s %s with %j", async (method, path, body, message) => {
    await using client = await openClient();
    expect(await client.call(method, path, body)).toMatchObject({
      status: 422,
      body: { statusCode: 422, message, error: "Unprocessable Entity" },
    });
  });

  it("takes a DELETE with a body", async () => {
    await using client = await openClient();
    expect(await client.call("DELETE", `${contact}/tags`, { tags: ["vip"] })).toMatchObject({
      status: 200,
      body: { tags: [] },
    });
    expect(await client.call("DELETE", `${contact}/tags`)).toMatchObject({ status: 422 });
  });

  it("gives a trace id that is new each time in objects, and none in lists", async () => {
    await using client = await openClient();
    const path = `/users/${samples.user.id}`;
    const [first, second] = [await client.call("GET", path), await client.call("GET", path)];
    expect(first.body.traceId).not.toBe(second.body.traceId);
    expect((await client.call("GET", `/calendars/${samples.calendar.id}/notifications`)).body).toEqual([
      expect.not.objectContaining({ traceId: expect.anything() as unknown }),
    ]);
  });
});

describe("lists of the simulated HighLevel", () => {
  const add = async (client: Awaited<ReturnType<typeof openClient>>, count: number) => {
    for (let n = 0; n < count; n++) {
      client.clock.advance(1000);
      await client.call("POST", "/contacts/", { locationId, firstName: `n${n}` });
    }
  };

  it("of contacts begin anew when only one of the two places is given", async () => {
    await using client = await openClient();
    await add(client, 4);
    const list = (more: string) => client.call("GET", `/contacts/?locationId=${locationId}&limit=3${more}`);
    const first = await list("");
    const { startAfter, startAfterId } = first.body.meta;
    expect((await list(`&startAfter=${startAfter}`)).body.contacts).toEqual(first.body.contacts);
    const second = await list(`&startAfter=${startAfter}&startAfterId=${startAfterId}`);
    const ids = [...first.body.contacts, ...second.body.contacts].map(({ id }) => id);
    expect(new Set(ids).size).toBe(6);
    expect(second.body.meta).not.toHaveProperty("startAfterId");
  });

  it("of contacts found go on after time and id, and show changes as late as they are told to", async () => {
    await using client = await openClient({ highLevel: { searchDelayMs: 3000 } });
    await add(client, 3);
    const search = (more: object = {}) =>
      client.call("POST", "/contacts/search", {
        locationId,
        pageLimit: 2,
        sort: [{ field: "dateUpdated", direction: "asc" }],
        ...more,
      });
    client.clock.advance(1000);
    expect((await search()).body.total).toBe(3);
    client.clock.advance(2000);
    const { body } = await search();
    expect(body.total).toBe(5);
    const rest = await search({ searchAfter: body.contacts[1].searchAfter, pageLimit: 10 });
    expect(rest.body.contacts.map(({ firstName }: { firstName: string }) => firstName)).toEqual(["n0", "n1", "n2"]);
    expect(body.contacts[0]).toMatchObject({
      address: samples.contact.address,
      contactName: expect.any(String) as unknown,
    });
  });

  it("of messages nest once more, newest first, and go on after an id", async () => {
    await using client = await openClient();
    const path = `/conversations/${samples.conversation.id}/messages?limit=2`;
    const { body } = await client.call("GET", path);
    expect(body.messages).toMatchObject({ nextPage: true, messages: [{}, {}] });
    const rest = await client.call("GET", `${path}&lastMessageId=${body.messages.lastMessageId}`);
    expect(rest.body.messages).toMatchObject({ nextPage: false, messages: [{}] });
  });
});

describe("the control API of HighLevel", () => {
  it("changes what people change in the app, and refuses what does not exist", async () => {
    await using client = await openClient();
    const control = (path: string, body: object) =>
      fetch(`${client.sandbox.url}/control/highlevel${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    expect(await (await control("/messages", { body: "Hello" })).json()).toMatchObject({
      direction: "inbound",
      body: "Hello",
    });
    expect(await (await control("/settings", { burst: 5 })).json()).toMatchObject({ burst: 5, daily: 200_000 });
    const refused = await control("/settings", { bursts: 5 });
    expect([refused.status, await refused.json()]).toEqual([
      400,
      {
        code: "invalid_input",
        message:
          'settings: "bursts" is not one, or no number; there are burst, daily, accessTokenSeconds, searchDelayMs.',
      },
    ]);
    expect((await control("/ships", {})).status).toBe(404);
  });
});
