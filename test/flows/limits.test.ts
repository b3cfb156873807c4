import { createServer } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { createVault } from "../../runtime/core/crypto.ts";
import type { HooklineError } from "../../runtime/core/errors.ts";
import { createNetwork } from "../../runtime/core/network.ts";
import type { Context } from "../../runtime/engine/context.ts";
import { callHttp } from "../../runtime/flows/http-call.ts";
import { flowsModule } from "../../runtime/flows/module.ts";
import { MAX_STATE, sealState } from "../../runtime/flows/records.ts";
import { MAX_SHOWN, readShown, shown } from "../../runtime/flows/model/runs.ts";
import { PER_FLOW } from "../../runtime/flows/work.ts";
import { ENCRYPTION_KEY } from "../fixtures/compose.ts";
import { listen } from "../fixtures/listen.ts";
import { act, makeBench } from "./bench.ts";

const numbers = (length: number) => Array.from({ length }, (_, i) => i);

describe("limits of a flow", () => {
  it("a delay of 90 days is saved, one of a second more is refused", async () => {
    const bench = await makeBench();
    const flow = (delay: string) => ({ triggers: [{ call: {} }], steps: [{ id: "wait", delay }] });
    await bench.make(flow("P90D"));
    await expect(bench.make(flow("P90DT1S"))).rejects.toMatchObject({
      faults: [{ pointer: "/steps/0/delay", message: "must be at most 90 days (P90D)" }],
    });
  });

  it("a duration that ends in its T is refused wherever it stands", async () => {
    const bench = await makeBench();
    const refused = async (flow: object): Promise<string[]> => {
      const error = await bench.make({ triggers: [{ call: {} }], ...flow } as never).catch((thrown: unknown) => thrown);
      return (error as HooklineError).faults.map(({ pointer }) => pointer);
    };
    const http = { method: "GET", url: "https://example.com" };
    const steps = [{ id: "wait", delay: "PT1S" }];
    expect(await refused({ steps: [{ id: "wait", delay: "P1DT" }] })).toEqual(["/steps/0/delay"]);
    expect(await refused({ steps, timeLimit: "P1WT" })).toEqual(["/timeLimit"]);
    const onError = { retry: { max: 1, after: "P1W1DT" } };
    expect(await refused({ steps: [{ id: "call", http, onError }] })).toEqual(["/steps/0/onError/retry/after"]);
    await bench.make({ triggers: [{ call: {} }], steps: [{ id: "wait", delay: "P1W2DT3H4M5S" }], timeLimit: "PT1M" });
  });

  it("a schedule runs once a minute at most", async () => {
    const bench = await makeBench();
    const flow = (schedule: string) => ({ triggers: [{ schedule }], steps: [{ id: "wait", delay: "PT1S" }] });
    await bench.make(flow("* * * * *"));
    await expect(bench.make(flow("*/30 * * * * *"))).rejects.toMatchObject({
      faults: [{ pointer: "/triggers/0/schedule" }],
    });
  });
});

describe("limits of a run", () => {
  it("a list of 1,000 items is done, one of 1,001 is refused", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      triggers: [{ call: {} }],
      steps: [act("label", connection, "put_label", { name: "x" }, { forEach: "$trigger.list", when: "item == `0`" })],
    });
    expect(await bench.call(flow.id, { list: numbers(1_000) })).toMatchObject({ status: "succeeded" });
    expect((await bench.call(flow.id, { list: numbers(1_001) })).error).toEqual({
      code: "too_large",
      message: "forEach: gives 1001 items; at most 1000 are done in one run, so filter them",
      step: "label",
    });
    expect(bench.vendor.effects).toHaveLength(1);
  });

  it("a dry run shows ten items of a list", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const steps = [act("label", connection, "put_label", { name: "x" }, { forEach: "$trigger.list" })];
    const flow = await bench.make({ triggers: [{ call: {} }], steps });
    for (const [items, shownItems] of [
      [9, 9],
      [10, 10],
      [11, 10],
    ] as const) {
      const dry = await bench.runtime.flows.test(flow.id, { trigger: { list: numbers(items) } });
      expect(dry.steps).toHaveLength(shownItems);
    }
  });

  it("eight runs of a flow are at work at once, the ninth waits for a slot, and other flows do not", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = { triggers: [{ call: {} }], steps: [act("label", connection, "put_label", { name: "x" })] };
    const [busy, other] = [await bench.make(flow), await bench.make(flow)];
    const release: (() => void)[] = [];
    bench.vendor.intercept = (_, response) => {
      release.push(() => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
      return true;
    };
    onTestFinished(() => release.forEach((answer) => answer()));
    for (let i = 0; i < PER_FLOW + 1; i++) await bench.runtime.flows.call(busy.id);
    const states = async (id: string) => {
      const { data } = await bench.runtime.runs.listOf(id);
      return data.map(({ status }) => status).sort();
    };
    const running = numbers(8).map(() => "running");
    await expect.poll(() => states(busy.id)).toEqual(["queued", ...running]);
    await bench.runtime.flows.call(other.id);
    await expect.poll(() => states(other.id)).toEqual(["running"]);
    expect(await states(busy.id)).toEqual(["queued", ...running]);
    bench.vendor.intercept = () => false;
    for (const answer of release.splice(0)) answer();
    await expect.poll(() => states(busy.id)).toEqual(numbers(9).map(() => "succeeded"));
  });

  it("an HTTP step takes an answer of 1 MB, and refuses one that is a byte longer", async () => {
    let length = 1_048_576;
    const server = await listen(createServer((_, response) => response.end(Buffer.alloc(length, "x"))));
    const network = createNetwork({ allowPrivate: true, allow: [], trusted: [] });
    onTestFinished(async () => {
      await network.close();
      await server.stop();
    });
    const call = () =>
      callHttp(
        network,
        { method: "GET", url: server.url },
        { key: "k", deadlineMs: 60_000, signal: new AbortController().signal },
      );
    expect((await call()).body).toHaveLength(length);
    length++;
    await expect(call()).rejects.toMatchObject({ code: "too_large" });
  });
});

describe("limits of what is kept of a run", () => {
  it("a value is shown whole up to 16,384 characters of JSON, and cut beyond", () => {
    const text = "x".repeat(MAX_SHOWN - 2);
    expect(MAX_SHOWN).toBe(16_384);
    expect(readShown(shown(text))).toBe(text);
    expect(readShown(shown(`${text}x`))).toEqual({
      truncated: true,
      characters: MAX_SHOWN + 1,
      start: `"${text}x`,
    });
  });

  it("a step keeps 1,048,576 characters of JSON, and fails with more", () => {
    const vault = createVault([ENCRYPTION_KEY]);
    const place = { run: "run_1", step: "find", iteration: 0 };
    const output = "x".repeat(1_048_576 - JSON.stringify({ output: "" }).length);
    expect(MAX_STATE).toBe(1_048_576);
    expect(sealState(vault, place, { user: null }, { output })).toBeInstanceOf(Uint8Array);
    expect(() => sealState(vault, place, { user: null }, { output: `${output}x` })).toThrow(
      "Step find: input and output have 1048577 characters; at most 1048576 are kept, so ask for less",
    );
  });

  it("a run is kept for the days of the retention after its end", async () => {
    const bench = await makeBench();
    const flow = await bench.make({ triggers: [{ call: {} }], steps: [{ id: "wait", delay: "PT1S" }] });
    const ended: string[] = [];
    for (const time of ["2026-01-02T00:00:00.000Z", "2026-01-02T00:00:02.001Z"]) {
      bench.clock.set(time);
      const { id } = await bench.call(flow.id);
      bench.clock.advance(1_000);
      await bench.settle();
      expect((await bench.runtime.runs.get(id)).status).toBe("succeeded");
      ended.push(id);
    }
    const days = 30;
    const engine = { work: () => undefined } as unknown as Context["engine"];
    const [upkeep] = flowsModule.open({ ...bench.runtime, engine }).upkeep!;
    bench.clock.set(Date.parse("2026-01-02T00:00:01.000Z") + days * 86_400_000);
    await upkeep!.work();
    expect((await bench.runsOf(flow.id)).map(({ id }) => id)).toEqual(ended);
    bench.clock.advance(1);
    await upkeep!.work();
    expect((await bench.runsOf(flow.id)).map(({ id }) => id)).toEqual(ended.slice(1));
    expect(await bench.runtime.db.all("select run from run_steps where run = ?", [ended[0]!])).toEqual([]);
  });
});
