import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ActionRecording, StreamRecording } from "../../schemas/recording.ts";
import { testManifest } from "../../runtime/testing.ts";
import { temporaryFolder } from "../cli/command-line.ts";
import { shopManifest } from "./shop.ts";

const order = (id: string, revision: number) => ({ id, kind: "order", revision, title: "Oak table", state: "open" });
const page = (query: Record<string, string | null>, body: object) => ({
  request: { path: "/captured/orders", query },
  response: { body },
});

const stream = (): StreamRecording => ({
  about: "An order is made.",
  stream: "orders",
  connection: { shop: "captured" },
  subscribe: [{ trigger: "order_created" }],
  polls: [
    { exchanges: [page({ since: null }, { orders: [order("o-100001", 1)], sync: "s1" })], tells: [] },
    {
      exchanges: [page({ since: "s1" }, { orders: [order("o-100002", 1)], sync: "s2" })],
      tells: ["order.created o-100002"],
    },
  ],
});
const action = (): ActionRecording => ({
  about: "An order is placed.",
  action: "create_order",
  connection: { shop: "captured" },
  input: { title: "Oak table" },
  exchanges: [
    {
      request: { method: "POST", path: "/captured/orders", body: { order: { title: "Oak table", state: null } } },
      response: { status: 201, body: { order: { id: "o-100003" } } },
    },
  ],
  output: { id: "o-100003" },
});

/** What the kit says of the shop with one recording. */
async function outcomeOf(recording: unknown): Promise<string> {
  const folder = join(await temporaryFolder(), "shop");
  await mkdir(join(folder, "recordings"), { recursive: true });
  await writeFile(join(folder, "manifest.json"), JSON.stringify(shopManifest()));
  const text = typeof recording === "string" ? recording : JSON.stringify(recording);
  await writeFile(join(folder, "recordings/one.json"), text);
  const { results } = await testManifest(join(folder, "manifest.json"), { cases: ["recording one"] });
  return results.map(({ outcome, message = "" }) => `${outcome}: ${message}`).join("\n");
}

const streamWith = (change: (one: StreamRecording) => void): StreamRecording => {
  const one = stream();
  change(one);
  return one;
};

describe("a recording", () => {
  it("of a stream passes when each poll tells exactly what it says", async () => {
    expect(await outcomeOf(stream())).toBe("passed: ");
  });

  it("of an action passes when the requests and the output are as it says", async () => {
    expect(await outcomeOf(action())).toBe("passed: ");
  });

  const wrong: [string, unknown, RegExp | string][] = [
    [
      "an event that is missing",
      streamWith(({ polls }) => polls[1]!.tells.push("order.created o-100009")),
      "failed: poll 2: told order.created o-100002; happened order.created o-100002, order.created o-100009",
    ],
    [
      "an event that is not expected",
      streamWith(({ polls }) => (polls[1]!.tells = [])),
      "failed: poll 2: told order.created o-100002; happened nothing",
    ],
    [
      "a request that was not recorded",
      streamWith(({ polls }) => (polls[1]!.exchanges[0]!.request.query = { since: "s0" })),
      'failed: poll 2: was not recorded: GET /captured/orders?region=eu&since=s1; was recorded and not sent: GET /captured/orders {"since":"s0"}',
    ],
    [
      "an exchange that does not take place",
      streamWith(({ polls }) => polls[0]!.exchanges.push(page({ page: "p2" }, { orders: [], sync: "s1" }))),
      'failed: poll 1: was recorded and not sent: GET /captured/orders {"page":"p2"}',
    ],
    [
      "a poll that ends well where it should fail",
      streamWith(({ polls }) => (polls[0]!.fails = "rate_limited")),
      "failed: poll 1: ended well, not rate_limited",
    ],
    [
      "a poll that fails where it should end well",
      streamWith(({ polls }) => (polls[0]!.exchanges[0]!.response = { status: 400, body: { error: "no" } })),
      /^failed: poll 1: ended with vendor_error \(.*\), not well$/,
    ],
    [
      "another output",
      { ...action(), output: { id: "o-100004" } },
      'failed: the output is {"id":"o-100003"}, not {"id":"o-100004"}',
    ],
  ];

  it.each(wrong)("finds %s", async (_what, recording, message) => {
    expect(await outcomeOf(recording)).toMatch(message);
  });

  const faulty: [string, unknown, string][] = [
    ["that is no JSON", "{", "failed: shop/recordings/one.json#: "],
    ["with another property", { ...stream(), events: [] }, "failed: shop/recordings/one.json#/events"],
    [
      "of a poll without its events",
      streamWith(({ polls }) => delete (polls[0] as { tells?: unknown }).tells),
      "failed: shop/recordings/one.json#/polls/0",
    ],
    [
      "of a stream that does not exist",
      streamWith((one) => (one.stream = "order")),
      "failed: shop/recordings/one.json#/stream: ",
    ],
    [
      "of a trigger that does not exist",
      streamWith(({ subscribe }) => (subscribe[0]!.trigger = "order_creates")),
      "failed: shop/recordings/one.json#/subscribe/0/trigger: ",
    ],
    [
      "of an action that does not exist",
      { ...action(), action: "creates_order" },
      "failed: shop/recordings/one.json#/action: ",
    ],
  ];

  it.each(faulty)("%s is refused with its file and place", async (_what, recording, start) => {
    expect((await outcomeOf(recording)).slice(0, start.length)).toBe(start);
  });
});
