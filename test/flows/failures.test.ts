import { readdirSync, readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { createFollowConnection } from "../../runtime/flows/broken.ts";
import { connections } from "../../runtime/model/connections.ts";
import { temporaryFolder } from "../faults/scenes.ts";
import { listen } from "../fixtures/listen.ts";
import { Receiver } from "../fixtures/receiver.ts";
import { act, makeBench, type Bench } from "./bench.ts";

const answer = (status: number, body: object, headers: Record<string, string> = {}) =>
  ((_request: unknown, response: { writeHead(status: number, headers: object): { end(text: string): void } }) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    return true;
  }) as Bench["vendor"]["intercept"];

/** A called flow of these steps. */
const flowOf = async (bench: Bench, steps: (connection: string) => ReturnType<typeof act>[], more: object = {}) => {
  const connection = await bench.connect("u_1");
  return bench.make({ user: "u_1", triggers: [{ call: {} }], steps: steps(connection), ...more });
};

describe("a step that fails", () => {
  it("ends the run with the vendor's words, and one flow.failed event", async () => {
    const bench = await makeBench();
    const flow = await flowOf(bench, (c) => [
      act("note", c, "create_note", { text: "x" }),
      act("label", c, "put_label", { name: "y" }),
    ]);
    bench.vendor.intercept = answer(422, { message: "the text is forbidden" });
    const run = await bench.call(flow.id);
    const message = "desk /note: the vendor answered 422: the text is forbidden; correct the input";
    expect(run).toMatchObject({ status: "failed", error: { code: "vendor_error", step: "note", message } });
    expect(run.steps.map(({ id, status, error }) => [id, status, error?.message])).toEqual([
      ["note", "failed", message],
    ]);
    expect(bench.events.filter(({ type }) => type === "flow.failed").map(({ data }) => data)).toEqual([
      {
        user: "u_1",
        flow: flow.id,
        run: run.id,
        code: "vendor_error",
        reason: `${message}; replay the run once it is fixed`,
        details: { step: "note" },
      },
    ]);
  });

  it("is left behind where it says continue, and later steps see its error", async () => {
    const bench = await makeBench();
    const flow = await flowOf(bench, (c) => [
      act("note", c, "create_note", { text: "x" }, { onError: "continue" }),
      act("label", c, "put_label", { name: "{{steps.note.status}}: {{steps.note.error.code}}" }),
    ]);
    bench.vendor.intercept = (...given) =>
      bench.vendor.effects.length === 0 && given[0].url === "/note" && answer(400, {})(...given);
    expect((await bench.call(flow.id)).status).toBe("succeeded");
    expect(bench.vendor.done("/label")).toEqual([{ name: "failed: vendor_error" }]);
  });

  it("is tried again as often and as late as it says", async () => {
    const bench = await makeBench();
    const flow = await flowOf(bench, (c) => [
      act("note", c, "create_note", { text: "x" }, { onError: { retry: { max: 2, after: "PT1M" } } }),
    ]);
    let tries = 0;
    bench.vendor.intercept = (...given) => {
      tries++;
      return answer(400, { message: "not now" })(...given);
    };
    expect((await bench.call(flow.id)).status).toBe("waiting");
    for (const expected of [2, 3, 3]) {
      bench.clock.advance(60_000);
      await bench.settle();
      expect(tries).toBe(expected);
    }
    expect((await bench.runsOf(flow.id))[0]).toMatchObject({
      status: "failed",
      steps: [{ attempts: 2, status: "failed" }],
    });
  });

  it("waits for a limit without using up tries, and gives its slot to others meanwhile", async () => {
    const bench = await makeBench();
    const flow = await flowOf(bench, (c) => [act("note", c, "create_note", { text: "x" })]);
    bench.vendor.intercept = answer(429, { message: "slow down" }, { "retry-after": "120" });
    const run = await bench.call(flow.id);
    expect(run).toMatchObject({
      status: "waiting",
      steps: [{ status: "waiting", attempts: 0, error: { code: "rate_limited" } }],
    });
    expect(Date.parse(run.wakeAt!) - bench.clock.now()).toBeGreaterThanOrEqual(120_000);
    expect(await bench.runtime.db.all("select id from jobs where claimed_by is not null")).toEqual([]);
    bench.vendor.intercept = () => false;
    bench.clock.advance(150_000);
    expect((await bench.runsOf(flow.id))[0]!.status).toBe("succeeded");
  });

  it("is tried again after the vendor's own trouble only where doing it twice is harmless", async () => {
    const bench = await makeBench();
    const once = await flowOf(bench, (c) => [act("note", c, "create_note", { text: "x" })]);
    const often = await flowOf(bench, (c) => [act("label", c, "put_label", { name: "x" })]);
    bench.vendor.intercept = answer(500, {});
    expect((await bench.call(once.id)).status).toBe("failed");
    expect(await bench.call(often.id)).toMatchObject({ status: "waiting", steps: [{ attempts: 1 }] });
    for (let i = 0; i < 8; i++) {
      bench.clock.advance(15 * 60_000);
      await bench.settle();
    }
    expect((await bench.runsOf(often.id))[0]).toMatchObject({ status: "failed", error: { code: "vendor_error" } });
  });

  it("ends the run when the flow's time is over", async () => {
    const bench = await makeBench();
    const flow = await flowOf(bench, (c) => [act("label", c, "put_label", { name: "x" })], { timeLimit: "PT1M" });
    bench.vendor.intercept = answer(429, {}, { "retry-after": "90" });
    await bench.call(flow.id);
    bench.clock.advance(120_000);
    const message = "the flow's timeLimit of 60 s has passed; raise it, or see which step takes so long";
    expect((await bench.runsOf(flow.id))[0]).toMatchObject({
      status: "failed",
      error: { code: "timeout", message, step: "label" },
    });
  });

  it("gives up on a vendor that does not answer", async () => {
    const bench = await makeBench();
    const flow = await flowOf(bench, (c) => [act("note", c, "create_note", { text: "x" }, { timeoutSeconds: 1 })]);
    bench.vendor.intercept = () => true;
    const run = await bench.runtime.flows.call(flow.id, {});
    await bench.settle();
    const message = "no answer within 1 s; raise timeoutSeconds, or see what the vendor is busy with";
    expect((await bench.runtime.runs.get(run!.id)).error).toEqual({ code: "timeout", message, step: "note" });
  });

  it("says what its input lacks", async () => {
    const bench = await makeBench();
    const flow = await flowOf(bench, (c) => [act("note", c, "create_note", { text: "$trigger.nothing" })]);
    const { error } = await bench.call(flow.id);
    expect(error!.code).toBe("invalid_input");
    expect(error!.message).toContain("desk.create_note: the input does not match its schema");
    expect(error!.message).toContain("#/text: is required");
  });
});

describe("a run that was interrupted", () => {
  /** Runs a called flow until its effect has happened, and ends the process there. */
  const interrupt = async (action: string, input: object) => {
    const bench = await makeBench({ store: `sqlite:${temporaryFolder()}/hookline.db` });
    const flow = await flowOf(bench, (c) => [
      act("first", c, "put_label", { name: "first" }),
      act("work", c, action, input),
      act("last", c, "put_label", { name: "last" }),
    ]);
    const happened = new Promise<void>((resolve) => {
      bench.vendor.onEffect = ({ path }) => {
        if (path === "/label") return false;
        resolve();
        return true;
      };
    });
    const run = await bench.runtime.flows.call(flow.id, {});
    await happened;
    await bench.restart();
    bench.vendor.onEffect = () => false;
    await bench.settle();
    return { bench, run: await bench.runtime.runs.get(run!.id) };
  };

  it("goes on at its step, with the same key, and does not repeat what was finished", async () => {
    const { bench, run } = await interrupt("post_keyed", { name: "x" });
    expect(run.status).toBe("succeeded");
    expect(bench.vendor.effects.map(({ path, body }) => [path, body["name"]])).toEqual([
      ["/label", "first"],
      ["/keyed", "x"],
      ["/label", "last"],
    ]);
    const sent = [...bench.vendor.byKey.values()];
    expect(sent).toEqual([1, 2, 1]);
  });

  it("does not do twice what is not idempotent: it says so, and can be replayed from there", async () => {
    const { bench, run } = await interrupt("create_note", { text: "x" });
    const message =
      "the process ended during this step, which cannot be repeated safely; check at the vendor whether it was done, and replay from the next step or from this one";
    expect(run).toMatchObject({ status: "failed", error: { code: "conflict", step: "work", message } });
    expect(run.steps.map(({ id, status }) => [id, status])).toEqual([
      ["first", "succeeded"],
      ["work", "interrupted"],
    ]);
    expect(bench.vendor.done("/note")).toHaveLength(1);
    await expect(bench.runtime.runs.replay(run.id, { from: "last" })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("step work has not ended"),
    });
    const again = await bench.runtime.runs.replay(run.id, { from: "work" });
    await bench.settle();
    expect((await bench.runtime.runs.get(again.id)).status).toBe("succeeded");
    expect(bench.vendor.effects.map(({ path }) => path)).toEqual(["/label", "/note", "/note", "/label"]);
  });
});

describe("a run", () => {
  it("that failed is replayed from its step with the same key", async () => {
    const bench = await makeBench();
    const flow = await flowOf(bench, (c) => [act("work", c, "post_keyed", { name: "x" })]);
    bench.vendor.onEffect = (_, response) => (
      response.writeHead(400, { "content-type": "application/json" }).end("{}"),
      true
    );
    const run = await bench.call(flow.id);
    expect(run.status).toBe("failed");
    bench.vendor.onEffect = () => false;
    await bench.runtime.runs.replay(run.id, { from: "work" });
    await bench.settle();
    expect([...bench.vendor.byKey.values()]).toEqual([2]);
    expect(bench.vendor.done("/keyed")).toHaveLength(1);
    await bench.runtime.runs.replay(run.id);
    await bench.settle();
    expect(bench.vendor.done("/keyed")).toHaveLength(2);
  });

  it("can be cancelled while it waits, and then ends at once", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [{ id: "wait", delay: "P1D" }, act("label", connection, "put_label", { name: "x" })],
    });
    const run = await bench.call(flow.id);
    expect(await bench.runtime.runs.cancel(run.id)).toMatchObject({ status: "cancelled" });
    await expect(bench.runtime.runs.cancel(run.id)).rejects.toMatchObject({
      code: "conflict",
      message: `Run ${run.id} has ended already: it is cancelled`,
    });
    await bench.settle();
    expect(await bench.runtime.db.all("select id from jobs where queue = 'flow'")).toEqual([]);
    bench.clock.advance(2 * 86_400_000);
    await bench.settle();
    expect(bench.vendor.effects).toEqual([]);
  });

  it("that is cancelled during a call tells what became of it, and goes no further", async () => {
    const bench = await makeBench();
    const flow = await flowOf(bench, (c) => [
      act("first", c, "put_label", { name: "x" }),
      act("second", c, "put_label", { name: "y" }, { when: "`false`" }),
    ]);
    const asked = Promise.withResolvers<ServerResponse>();
    bench.vendor.intercept = (_, response) => (asked.resolve(response), true);
    const run = (await bench.runtime.flows.call(flow.id))!;
    const response = await asked.promise;
    await bench.runtime.runs.cancel(run.id);
    response.writeHead(200, { "content-type": "application/json" }).end('{"id":"made"}');
    const [ended] = await bench.runsOf(flow.id);
    expect(ended).toMatchObject({
      status: "cancelled",
      steps: [{ id: "first", status: "succeeded", output: { id: "made" } }],
    });
  });

  it("is not failed by trouble of our own store", async () => {
    const bench = await makeBench();
    const flow = await flowOf(bench, (c) => [act("label", c, "put_label", { name: "x" })]);
    const trouble = new HooklineError("store_unusable", "The store was away.", { retry: {} });
    const find = vi.spyOn(connections, "find").mockRejectedValueOnce(trouble);
    onTestFinished(() => find.mockRestore());
    const run = await bench.call(flow.id);
    expect(find).toHaveBeenCalled();
    expect(run.status).not.toBe("failed");
    bench.clock.advance(60_000);
    expect(await bench.runsOf(flow.id)).toMatchObject([{ status: "succeeded" }]);
  });

  it("ends with an error when its version no longer compiles", async () => {
    const bench = await makeBench({ store: `sqlite:${temporaryFolder()}/hookline.db` });
    const steps = [{ id: "wait", delay: "PT1M" }];
    const flow = await bench.make({ triggers: [{ call: {} }], steps });
    expect(await bench.call(flow.id)).toMatchObject({ status: "waiting" });
    const of = { when: "no_such_function(trigger)" };
    const definition = JSON.stringify({ name: "Test", triggers: [{ call: {} }], steps, ...of });
    await bench.runtime.db.run("update flow_versions set definition = ?", [definition]);
    bench.clock.advance(60_000);
    await bench.restart();
    const error = { code: "invalid_expression", step: null };
    expect(await bench.runsOf(flow.id)).toMatchObject([{ status: "failed", error }]);
  });

  it("shows no secret of a variable, and keeps none readable", async () => {
    const file = `${temporaryFolder()}/hookline.db`;
    const bench = await makeBench({ store: `sqlite:${file}` });
    const canary = "canary-of-a-flow-secret";
    await bench.runtime.variables.set("u_1", "token", { value: canary, secret: true });
    const flow = await flowOf(bench, (c) => [
      act("label", c, "put_label", { name: "{{user.vars.token}}" }),
      act("two", c, "put_label", { name: "$steps.label.output.name" }),
    ]);
    const run = await bench.call(flow.id);
    expect(bench.vendor.done("/label")).toEqual([{ name: canary }, { name: canary }]);
    expect(run.steps[1]!.output).toMatchObject({ name: "[secret]" });
    const folder = file.slice(0, file.lastIndexOf("/"));
    const readable = readdirSync(folder).filter((name) => readFileSync(`${folder}/${name}`).includes(canary));
    expect(readable).toEqual([]);
  });
});

describe("a flow whose connection stops working", () => {
  it("is broken visibly when the connection is removed, with one flow.failed event", async () => {
    const bench = await makeBench();
    const [from, to] = [await bench.connect("u_1"), await bench.connect("u_1")];
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ connection: from, trigger: "person_created" }],
      steps: [act("label", to, "put_label", { name: "x" })],
    });
    await bench.runtime.accounts.remove(to);
    await bench.settle();
    const message = `Connection ${to} was removed; wire another one into the flow, and enable it`;
    expect(await bench.runtime.flows.get(flow.id)).toMatchObject({
      status: "broken",
      problem: { code: "not_found", connection: to, message },
    });
    expect(bench.events.filter(({ type }) => type === "flow.failed").map(({ data }) => data)).toEqual([
      { user: "u_1", flow: flow.id, connection: to, code: "not_found", reason: message },
    ]);
    expect((await bench.runtime.subscriptions.list()).data.map(({ status }) => status)).toEqual(["paused"]);
    await expect(bench.runtime.flows.update(flow.id, { enabled: true })).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/steps/0/connection" }],
    });
    const mended = await bench.runtime.flows.update(flow.id, {
      steps: [act("label", from, "put_label", { name: "x" })],
      enabled: true,
    });
    expect(mended).toMatchObject({ status: "active", problem: null });
  });

  it("stays broken until all that it needs works again", async () => {
    const bench = await makeBench();
    const [one, two] = [await bench.connect("u_1"), await bench.connect("u_1")];
    const steps = [act("a", one, "put_label", { name: "x" }), act("b", two, "put_label", { name: "y" })];
    const { id } = await bench.make({ user: "u_1", triggers: [{ call: {} }], steps });
    const { db, flows } = bench.runtime;
    const emit = async (): Promise<void> => {};
    const follow = createFollowConnection(
      { clock: bench.clock, connectors: bench.runtime.connectors, emit },
      { follow: emit } as never,
      async () => undefined,
    );
    const turn = (connection: string, status: "active" | "reauth_required") =>
      db.transaction(async (tx) => {
        await tx.run("update connections set status = ? where id = ?", [status, connection]);
        await follow(tx, { id: connection, connector: "desk", user: "u_1", status });
      });
    await turn(one, "reauth_required");
    await turn(two, "reauth_required");
    expect(await flows.get(id)).toMatchObject({ status: "broken", problem: { connection: one } });
    await turn(one, "active");
    const lost = { status: "broken", problem: { code: "reauth_required", connection: two } };
    expect(await flows.get(id)).toMatchObject(lost);
    expect(await flows.update(id, { name: "Another" })).toMatchObject({ ...lost, name: "Another", enabled: true });
    await turn(two, "active");
    expect(await flows.get(id)).toMatchObject({ status: "active", problem: null });
  });
});

describe("an HTTP step", () => {
  it("takes an answer that is nested too deeply for JSON as text", async () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    const server = await listen(
      createServer((_, response) => response.writeHead(200, { "content-type": "application/json" }).end(deep)),
    );
    onTestFinished(() => server.stop());
    const bench = await makeBench();
    const flow = await bench.make({
      triggers: [{ call: {} }],
      steps: [{ id: "call", http: { method: "GET", url: server.url } }],
    });
    const run = await bench.call(flow.id);
    expect([run.status, run.error]).toEqual(["succeeded", null]);
    expect(run.steps[0]!.output).toMatchObject({ truncated: true });
  });

  it("calls a URL with percent-encoded values, and hands on the answer", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [
        {
          id: "call",
          http: {
            method: "POST",
            url: `${bench.vendor.url}/any/{{trigger.name}}`,
            headers: { "X-Kind": "{{trigger.kind}}" },
            body: { name: "$trigger.name" },
          },
        },
        act("label", connection, "put_label", { name: "{{steps.call.output.status}} {{steps.call.output.body.name}}" }),
      ],
    });
    const run = await bench.call(flow.id, { name: "a/b c", kind: "k" });
    expect(run.error).toBeNull();
    expect(bench.vendor.effects.map(({ path, body }) => [path, body])).toEqual([
      ["/any/a%2Fb%20c", { name: "a/b c" }],
      ["/label", { name: "200 a/b c" }],
    ]);
    expect(bench.vendor.effects[0]!.key).toBe(`${run.id}:call:0`);
  });

  it("never reaches a private address unless it is allowed", async () => {
    const receiver = await new Receiver().start();
    const bench = await makeBench({ network: { allowPrivate: false, allow: [] } });
    const flow = await bench.make({
      triggers: [{ call: {} }],
      steps: [{ id: "call", http: { method: "GET", url: receiver.url } }],
    });
    const run = await bench.call(flow.id);
    await receiver.stop();
    expect(run.error).toMatchObject({
      step: "call",
      code: expect.stringMatching(/invalid_url|host_not_allowed/),
      message: expect.stringMatching(/private|not allowed/),
    });
  });
});
