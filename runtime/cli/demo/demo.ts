import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { pino } from "pino";
import { HooklineError } from "../../core/errors.ts";
import { createRuntime, type Runtime } from "../../runtime.ts";
import { createSandbox, type GoogleSnapshot, type Sandbox } from "../../sandbox/index.ts";
import { listen, type Listening } from "../listen.ts";
import { receiver } from "../receiver.ts";
import { stopSignal } from "../signals.ts";
import { apiClient } from "./api.ts";
import { firstPollEnds } from "./first-poll.ts";
import { openFolder, type DemoFolder } from "./folder.ts";
import { Inbox, type InboxMemory } from "./inbox.ts";
import { introduction } from "./introduction.ts";
import { editWhileAway, keepEditing } from "./people.ts";
import { setUp, type DemoState } from "./setup.ts";

export interface DemoOptions {
  /** TCP port of the API; 0 for any that is free. */
  port: number;
  /** Where everything is kept. */
  folder: string;
  editEveryMs: number;
  /** Stops by itself after that time; undefined runs until a signal comes. */
  seconds: number | undefined;
}

/** Less than the two seconds after which a person presses Ctrl-C again, in milliseconds. */
const GRACE = 1_500;
const LOOPBACK = "127.0.0.1";

/**
 * Runs service, simulated vendor and receiver in one process until a signal comes, and prints the webhooks that arrive.
 * @throws HooklineError `invalid_config` when the port is taken, `store_locked` when the folder is in use
 */
export async function runDemo({ port, folder: path, editEveryMs, seconds }: DemoOptions): Promise<void> {
  const stop = stopSignal();
  await using closers = new AsyncDisposableStack();
  const folder = await openFolder(path);
  const sandbox = await createSandbox({ snapshot: await folder.load<GoogleSnapshot>("sandbox") });
  closers.defer(() => sandbox.stop());

  let hookline!: Runtime;
  const server = await listen({ port, host: LOOPBACK, choosePort: "npm start -- --port 8081" }, (actual) => {
    hookline = makeRuntime(folder, sandbox, actual);
    return express().disable("x-powered-by").use(hookline.router);
  });
  closers.defer(() => hookline.stop(GRACE));
  closers.defer(() => server.close());
  const baseUrl = `http://localhost:${server.port}`;
  const call = apiClient(baseUrl, folder.keys.apiKey);

  const state = await loadState(folder, hookline);
  const inbox = new Inbox((await folder.load<InboxMemory>("inbox")) ?? [], (line) => console.log(line));
  const receiving = await openReceiver(state, inbox);
  closers.defer(() => receiving.close());

  const saveSandbox = () => folder.save("sandbox", sandbox.google.snapshot());
  const continued = state.connection !== undefined;
  const editsMeanwhile = continued ? await editWhileAway(sandbox, inbox.somebody) : [];
  await saveSandbox();

  await hookline.start();
  const receiverUrl = `http://${LOOPBACK}:${receiving.port}/`;
  await setUp(call, state, receiverUrl, () => folder.save("state", state));
  await folder.save("state", { ...state, receiverPort: receiving.port });
  const { connection, subscriptions } = state;
  const [subscription] = Object.values(subscriptions);
  await firstPollEnds(call, subscription!);

  const { apiKey } = folder.keys;
  const contacts = sandbox.google.account().people.contacts.size;
  const facts = { baseUrl, apiKey, connection: connection!, subscription: subscription!, contacts, editEveryMs };
  console.log(introduction({ ...facts, sandboxUrl: sandbox.url, receiverUrl, folder: path, editsMeanwhile }));

  const poll = async () => {
    await saveSandbox();
    await call("POST", `/v1/subscriptions/${subscription}/poll`);
  };
  const people = keepEditing(sandbox, editEveryMs, poll);
  if (continued) await poll();
  await Promise.race([stop, ...(seconds === undefined ? [] : [sleep(seconds * 1000, undefined, { ref: false })])]);

  console.log("Stopping.");
  await people.stop();
  await closers.disposeAsync();
  await Promise.all([saveSandbox(), folder.save("inbox", inbox.memory)]);
  console.log("Stopped. The next start continues here.");
}

function makeRuntime(folder: DemoFolder, sandbox: Sandbox, port: number): Runtime {
  const { encryptionKey, apiKey } = folder.keys;
  return createRuntime({
    store: `sqlite:${join(folder.path, "hookline.db")}`,
    connectors: ["google-contacts"],
    encryptionKeys: [encryptionKey],
    apiKey,
    baseUrl: `http://localhost:${port}`,
    clients: { "google-contacts": sandbox.client },
    servers: sandbox.servers,
    network: { allow: [`${LOOPBACK}/32`] },
    logger: pino({ level: "info" }, pino.destination({ dest: join(folder.path, "hookline.log"), sync: true })),
  });
}

type SavedState = DemoState & { receiverPort?: number };

/** What an earlier demonstration made, if the store still knows it. */
async function loadState(folder: DemoFolder, hookline: Runtime): Promise<SavedState> {
  const fresh: SavedState = { subscriptions: {} };
  const saved = (await folder.load<SavedState>("state")) ?? fresh;
  if (saved.connection === undefined) return saved;
  try {
    await hookline.connections.get(saved.connection);
    return saved;
  } catch (error) {
    if (error instanceof HooklineError && error.code === "not_found") return fresh;
    throw error;
  }
}

/** On the port it had, so that what was on its way when it stopped still finds it. */
async function openReceiver(state: SavedState, inbox: Inbox): Promise<Listening> {
  const handler = receiver({
    secrets: () => (state.secret === undefined ? [] : [state.secret]),
    onEvent: (event) => inbox.take(event),
    onRefused: (reason) => console.error(`refused: ${reason}`),
  });
  const open = (port: number) => listen({ port, host: LOOPBACK, choosePort: "" }, () => handler);
  return await open(state.receiverPort ?? 0).catch(() => open(0));
}
