import { onTestFinished } from "vitest";
import { compose, type Composed } from "../../runtime/compose.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import { createSandbox, type Sandbox, type SandboxOptions } from "../../runtime/sandbox/index.ts";
import type { WebhookEvent } from "../../runtime/webhook.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { keepInStep, storeOfTest } from "../postgres.ts";
import { SESSION } from "../fixtures/browser.ts";
import { consent } from "../sandbox/sandbox-client.ts";

const MINUTE = 60_000;
const LIST = "people.people.connections.list";
const TRIGGERS = ["contact_created", "contact_updated", "contact_deleted"];

/** The google-contacts connector beside the sandbox's Google, both on one clock that moves only when told. */
export class GoogleScene {
  readonly clock: ManualClock;
  readonly sandbox: Sandbox;
  readonly runtime: Composed;
  connection = "";
  #received: WebhookEvent[] = [];

  constructor(clock: ManualClock, sandbox: Sandbox, runtime: Composed) {
    [this.clock, this.sandbox, this.runtime] = [clock, sandbox, runtime];
  }

  /** An account with a subscription to every kind of change of its contacts, whose first, silent poll has ended. */
  static async open(options: Omit<SandboxOptions, "clock"> = {}): Promise<GoogleScene> {
    const clock = new ManualClock(Date.now());
    const sandbox = await createSandbox({ contacts: 20, ...options, clock });
    const runtime = await compose(
      composeOptions({
        store: await storeOfTest(),
        connectors: ["google-contacts"],
        servers: sandbox.servers,
        clients: { "google-contacts": sandbox.client },
        clock,
      }),
    );
    keepInStep(runtime.db, runtime.engine as JobEngine, clock);
    const scene = new GoogleScene(clock, sandbox, runtime);
    onTestFinished(async () => {
      await sandbox.stop();
      await runtime.engine.stop(1000);
      await runtime.close();
    });
    runtime.consumers.on("*", (event) => void scene.#received.push(event), { name: "scene" });
    await runtime.consumers.start();
    await runtime.engine.start();
    const { id, authorizeUrl } = await runtime.accounts.create(
      { connector: "google-contacts", user: "u_1", triggers: TRIGGERS },
      {},
      SESSION,
    );
    scene.connection = id;
    await scene.#consent(authorizeUrl!);
    for (const trigger of TRIGGERS) {
      await runtime.subscriptions.create({ connection: id, trigger, everySeconds: 60 });
    }
    await scene.settle();
    await scene.taken();
    return scene;
  }

  get people() {
    return this.sandbox.google.account().people;
  }

  /** Pages of contacts that were asked for so far. */
  get listed(): number {
    return this.sandbox.requests.get(LIST);
  }

  /** The person grants everything again. */
  async reconnect(): Promise<void> {
    await this.#consent((await this.runtime.accounts.reconnect(this.connection, {}, {}, SESSION)).authorizeUrl);
    await this.settle();
  }

  /** Lets a minute pass, and the polls and deliveries that are due by then end. */
  async minute(): Promise<void> {
    this.clock.advance(MINUTE + 1000);
    await this.settle();
  }

  /** What became known since the last look, as `type id`, sorted; operational events as `type`. */
  async taken(): Promise<string[]> {
    await this.settle();
    return this.#received
      .splice(0)
      .map(({ type, data }) => [type, (data as { resource?: { id: string } }).resource?.id].filter(Boolean).join(" "))
      .sort();
  }

  /** The stream of contacts as it is stored. */
  async stream(): Promise<{ cursor: string; consecutiveErrors: number; nextPollAt: number | null }> {
    const row = await this.runtime.db.get<{ cursor: string; errors: number; next: number | null }>(
      "select cursor, consecutive_errors as errors, next_poll_at as next from streams",
    );
    return { cursor: row!.cursor, consecutiveErrors: row!.errors, nextPollAt: row!.next };
  }

  /** Resolves when no job runs and none is due. */
  async settle(): Promise<void> {
    const engine = this.runtime.engine as JobEngine;
    for (let quiet = 0; quiet < 2;) {
      await engine.tick();
      await new Promise((resolve) => setTimeout(resolve, 10));
      const { n } = (await this.runtime.db.get<{ n: number }>(
        "select count(*) as n from jobs where claimed_by is not null or run_at <= ?",
        [this.clock.now()],
      ))!;
      quiet = n === 0 ? quiet + 1 : 0;
    }
  }

  async #consent(authorizeUrl: string): Promise<void> {
    const answer = await consent(authorizeUrl);
    await this.runtime.accounts.finishOAuth(Object.fromEntries(answer), SESSION);
  }
}
