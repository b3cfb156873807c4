import type { Router } from "express";
import { compose, type Composed } from "./compose.ts";
import { HooklineError } from "./core/errors.ts";
import {
  assertConsumer,
  consumerName,
  type Consumer,
  type ConsumerArguments,
  type ConsumerOptions,
} from "./deliver/consumers.ts";
import { createRouter } from "./http/router.ts";
import { createLibrary, type Library } from "./library.ts";
import { loadModules } from "./modules.ts";
import { resolveOptions, type RuntimeOptions } from "./options.ts";

/** An integration connector inside a process. Made at once; the store is opened by the first use, work begins with `start`. */
export interface Runtime extends Library, AsyncDisposable {
  /** The HTTP API, to be mounted anywhere. */
  readonly router: Router;
  /**
   * Handles events in this process with the guarantees of a webhook: at least once, retried, kept over restarts.
   * A pattern that nearly misses a type of event is refused once the connectors are loaded: by the first use, or `start`.
   * @throws HooklineError `invalid_input` at once for a malformed pattern; `stopped` once the runtime was stopped
   * @throws TypeError at once for a handler that is not a function, an unknown option, and a name that another one has
   */
  on(pattern: string, options: ConsumerOptions, handler: Consumer): void;
  on(pattern: string, handler: Consumer, options?: ConsumerOptions): void;
  /**
   * Opens the store and begins to poll and deliver. One that failed can be repeated.
   * @throws HooklineError `invalid_config`, `invalid_manifest`, `store_locked`, `store_unusable`, `encryption_key`, `stopped`
   */
  start(): Promise<void>;
  /**
   * Takes nothing new, finishes what runs (up to `graceMs` milliseconds, default 30,000; token calls for as long as they take,
   * for their answers cannot be had again), closes the store.
   * @throws TypeError for a `graceMs` that is no number of milliseconds; then nothing is stopped
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Makes a runtime. Nothing is opened, read or sent before it is used or started.
 * @throws HooklineError `invalid_config` with every fault of the options
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const resolved = resolveOptions(options);
  /** Consumers by name. */
  const pending = new Map<string, { pattern: string; given: ConsumerArguments }>();
  let opened: Promise<Composed> | undefined;
  /** What is open, once it is. */
  let composed: Composed | undefined;
  let started = false;
  let starting: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;

  const assertGoingOn = (): void => {
    if (stopped) throw new HooklineError("stopped", "This runtime was stopped; make a new one");
  };
  const open = (): Promise<Composed> => {
    assertGoingOn();
    // One that failed does not stand in the way of the next: the store may be reachable then.
    opened ??= (async () => {
      const made = await compose(resolved);
      try {
        for (const { pattern, given } of pending.values()) made.consumers.on(pattern, ...given);
      } catch (error) {
        await made.engine.stop(0);
        await made.close();
        throw error;
      }
      return (composed = made);
    })().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };

  /** What is being opened or started gets to its end first. */
  const close = async (graceMs?: number): Promise<void> => {
    const made = await opened?.catch(() => undefined);
    await starting?.catch(() => undefined);
    await made?.engine.stop(graceMs);
    await made?.close();
  };

  return {
    ...createLibrary(open),
    router: createRouter({
      ...resolved,
      services: open,
      modules: async () => Object.values(await loadModules(resolved.modules)),
      started: () => started,
    }),
    on: (pattern: string, ...given: ConsumerArguments) => {
      assertConsumer(pattern, ...given);
      assertGoingOn();
      const name = consumerName((one) => pending.has(one), pattern, ...given);
      composed?.consumers.on(pattern, ...given);
      pending.set(name, { pattern, given });
    },
    start: async () => {
      const { consumers, engine } = await open();
      assertGoingOn();
      starting ??= (async () => {
        await consumers.start();
        await engine.start();
        started = true;
      })().catch((error: unknown) => {
        starting = undefined;
        throw error;
      });
      await starting;
    },
    stop: async (graceMs) => {
      if (graceMs !== undefined && !(typeof graceMs === "number" && graceMs >= 0)) {
        const remedy = "give milliseconds, 0 or more; as a signal's handler write () => runtime.stop()";
        throw new TypeError(`stop: graceMs is ${String(graceMs)}; ${remedy}`);
      }
      await (stopped ??= close(graceMs));
    },
    async [Symbol.asyncDispose]() {
      await this.stop();
    },
  };
}
