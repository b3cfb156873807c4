import type { Composed } from "../../runtime/compose.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import { SESSION } from "../fixtures/browser.ts";
import { eventReader, openRuntime, settle } from "./runtime.ts";
import { answersOf, ENDED, grantOf, REVOKED, type GoogleAccount } from "./google-accounts.ts";
import { scriptedVendor, type Answer, type ScriptedVendor } from "./vendor.ts";

/** A runtime in front of the simulated accounts of Google, and what people do at both. */
export class Desk implements AsyncDisposable {
  readonly runtime: Composed;
  readonly clock: ManualClock;
  readonly events: () => Promise<string[]>;
  readonly #vendor: ScriptedVendor;
  #answers: readonly Answer[] = [];

  private constructor(runtime: Composed, clock: ManualClock, vendor: ScriptedVendor) {
    this.runtime = runtime;
    this.clock = clock;
    this.events = eventReader(runtime);
    this.#vendor = vendor;
  }

  static async open(connectors: readonly string[]): Promise<Desk> {
    const clock = new ManualClock("2026-11-30T09:31:00Z");
    const vendor = await scriptedVendor(clock);
    const runtime = await openRuntime(connectors, vendor, clock);
    await runtime.engine.start();
    return new Desk(runtime, clock, vendor);
  }

  /** Google from now on. */
  google(...accounts: GoogleAccount[]): void {
    this.#answers = [...accounts.flatMap(answersOf), REVOKED];
    this.#vendor.give(this.#answers);
  }

  /** Ends all tokens. */
  end(): void {
    this.#vendor.give(ENDED);
  }

  async connect(connector: string, account: string): Promise<string> {
    const { id, authorizeUrl } = await this.runtime.accounts.create({ connector, user: "u_1" }, {}, SESSION);
    await this.#signIn(authorizeUrl!, account, true);
    return id;
  }

  /** Whether the account was taken. */
  async reconnect(id: string, account: string, refreshToken = true): Promise<boolean> {
    const { authorizeUrl } = await this.runtime.accounts.reconnect(id, {}, {}, SESSION);
    try {
      await this.#signIn(authorizeUrl, account, refreshToken);
    } catch (error) {
      if (!/^account_(mismatch|unproved)$/.test((error as { code?: string }).code ?? "")) throw error;
      return false;
    }
    return (await this.runtime.accounts.get(id)).status === "active";
  }

  /** The state after a reconnect, or the code of its refusal. */
  async attempt(id: string, account: string, options: { account?: "move" } = {}): Promise<string> {
    const { authorizeUrl } = await this.runtime.accounts.reconnect(id, options, {}, SESSION);
    try {
      await this.#signIn(authorizeUrl, account, true);
    } catch (error) {
      return (error as { code: string }).code;
    }
    return this.status(id);
  }

  /** Runs what is due after a time. */
  async pass(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds);
    await settle(this.runtime, this.clock);
  }

  async #signIn(authorizeUrl: string, account: string, refreshToken: boolean): Promise<void> {
    this.#vendor.give([grantOf(account, { refreshToken }), ...this.#answers]);
    const state = new URL(authorizeUrl).searchParams.get("state")!;
    await this.runtime.accounts.finishOAuth({ state, code: `code-${account}` }, SESSION);
  }

  async subscribe(connection: string, ...triggers: string[]): Promise<string[]> {
    const ids: string[] = [];
    for (const trigger of triggers) ids.push((await this.runtime.subscriptions.create({ connection, trigger })).id);
    await settle(this.runtime, this.clock);
    return ids;
  }

  async poll([subscription]: string[]): Promise<void> {
    this.clock.advance(300_000);
    await this.runtime.subscriptions.poll(subscription!);
    await settle(this.runtime, this.clock);
  }

  /** Grants given back since the last look. */
  revokes(): number {
    return this.#vendor.received().filter(({ line }) => line.endsWith("/revoke")).length;
  }

  async status(id: string): Promise<string> {
    return (await this.runtime.accounts.get(id)).status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime.engine.stop(1000);
    await this.runtime.close();
    await this.#vendor[Symbol.asyncDispose]();
    this.#vendor.received(); // Throws when a request had no answer.
  }
}
