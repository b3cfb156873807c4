import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { pino } from "pino";
import type { TemplateView } from "../../flows/model/templates.ts";
import type { RuntimeOptions } from "../../options.ts";
import { createRuntime, type Runtime } from "../../runtime.ts";
import { createSandbox } from "../../sandbox/index.ts";
import { listen } from "../listen.ts";
import { stopSignal } from "../signals.ts";
import { apiClient, type Call } from "./api.ts";
import { actFor, prepare } from "./flow-acts.ts";
import { installTemplates } from "./flow-setup.ts";
import { repeat } from "./repeat.ts";
import { RunWatch } from "./run-watch.ts";

export interface FlowDemoOptions {
  /** Ids of templates; "all" for each there is. */
  ids: readonly string[];
  /** TCP port of the API; 0 for any that is free. */
  port: number;
  actEveryMs: number;
  /** Stops by itself after that time; undefined runs until a signal comes. */
  seconds: number | undefined;
}

/** Less than the two seconds after which a person presses Ctrl-C again, in milliseconds. */
const GRACE = 1_500;
const LOOPBACK = "127.0.0.1";
const LOOK_EVERY_MS = 250;
/** Few enough that the first comparison of a sync takes seconds. */
const CONTACTS = 3;

/** Prints the ids and descriptions of the flow templates that come with Hookline. */
export async function listFlows(): Promise<void> {
  for (const { id, description } of await templatesNamed(["all"])) console.log(`${id}\n    ${description}\n`);
}

/**
 * Installs flow templates in a service that keeps nothing, lets people act at the simulated vendors, and prints each run.
 * @throws HooklineError `not_found` for an unknown id, with the nearest one; `invalid_config` when the port is taken
 */
export async function runFlowDemo({ ids, port, actEveryMs, seconds }: FlowDemoOptions): Promise<void> {
  const stop = stopSignal();
  const templates = await templatesNamed(ids);
  await using closers = new AsyncDisposableStack();
  const sandbox = await createSandbox({ contacts: CONTACTS });
  closers.defer(() => sandbox.stop());
  const apiKey = `demo_${randomBytes(18).toString("base64url")}`;

  let hookline!: Runtime;
  const server = await listen({ port, host: LOOPBACK, choosePort: "npm start -- --port 8081" }, (actual) => {
    const { servers, client } = sandbox;
    const clients = Object.fromEntries(Object.keys(servers).map((connector) => [connector, client]));
    const network = { allow: [`${LOOPBACK}/32`] };
    hookline = inMemory({ apiKey, baseUrl: `http://localhost:${actual}`, clients, servers: { ...servers }, network });
    return express().disable("x-powered-by").use(hookline.router);
  });
  closers.defer(() => hookline.stop(GRACE));
  closers.defer(() => server.close());
  const baseUrl = `http://localhost:${server.port}`;
  const call = apiClient(baseUrl, apiKey);

  const props = prepare(sandbox);
  await hookline.start();
  const installed = await installTemplates(call, templates, {
    label: props.label,
    group: `contactGroups/${props.group}`,
  });
  console.log(introduction(templates, baseUrl, apiKey, actEveryMs));

  const watch = new RunWatch(call, installed, (line) => console.log(line));
  const watching = repeat(LOOK_EVERY_MS, () => watch.look());
  const triggers = triggersOf(templates);
  let turn = 0;
  const acting = repeat(actEveryMs, async () => {
    const trigger = triggers[turn++ % triggers.length]!;
    actFor(trigger)(props);
    await pollNow(call, installed.connections.get(trigger.split("/")[0]!)!);
  });
  await Promise.race([stop, ...(seconds === undefined ? [] : [sleep(seconds * 1000, undefined, { ref: false })])]);

  console.log("Stopping.");
  await acting.stop();
  await watching.stop();
  await watch.look();
  await closers.disposeAsync();
  console.log("Stopped. Nothing was kept.");
}

/** Everything in memory; only errors are logged, on standard error. */
function inMemory(options: RuntimeOptions = {}): Runtime {
  return createRuntime({
    store: "sqlite::memory:",
    logger: pino({ level: "error" }, pino.destination({ dest: 2, sync: true })),
    ...options,
  });
}

/** Each once, in the order they are given. */
async function templatesNamed(ids: readonly string[]): Promise<TemplateView[]> {
  await using hookline = inMemory();
  const { data: all } = await hookline.templates.list();
  const named = ids.includes("all") ? all.map(({ id }) => id) : new Set(ids);
  return await Promise.all([...named].map((id) => hookline.templates.get(id)));
}

/** By connector and trigger; of a sync, that something is created on either side. */
function triggersOf(templates: readonly TemplateView[]): string[] {
  const triggers = templates.flatMap((template) => {
    const { connections } = template;
    if ("sync" in template) {
      const { left, right, resource } = template.sync;
      return [left, right].map((slot) => `${connections[slot]}/${resource}_created`);
    }
    return (template.triggers ?? []).flatMap((one) =>
      "trigger" in one && typeof one.connection === "string" ? [`${connections[one.connection]}/${one.trigger}`] : [],
    );
  });
  return [...new Set(triggers)];
}

/** So that nobody has to wait for the schedule. */
async function pollNow(call: Call, connection: string): Promise<void> {
  const having = async (what: string) => {
    const { data } = await call<{ data: { id: string }[] }>("GET", `/v1/${what}?connection=${connection}&limit=100`);
    return data.map(({ id }) => id);
  };
  for (const id of await having("subscriptions")) await call("POST", `/v1/subscriptions/${id}/poll`);
  for (const id of await having("syncs")) await call("POST", `/v1/syncs/${id}/run`);
}

function introduction(templates: readonly TemplateView[], baseUrl: string, apiKey: string, actEveryMs: number): string {
  return `Hookline is running, in memory: nothing is kept. Everything is on this machine, and nobody in it is real.

  API       ${baseUrl}
  API key   ${apiKey}

Installed for the user "demo":
${templates.map(({ name, description }) => `  ${name}\n      ${description}`).join("\n")}

Somebody does something at one of the vendors every ${actEveryMs / 1000} s, and the demo asks for a poll. A line comes for each run, with
what each step did: ✓ done, – skipped, ✗ failed. Ctrl-C stops.
`;
}
