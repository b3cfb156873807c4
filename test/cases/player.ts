import { ManualClock } from "../../runtime/core/clock.ts";
import { streamsOfConnection, type StreamRecord } from "../../runtime/model/streams.ts";
import { subscriptions, type NewSubscription } from "../../runtime/model/subscriptions.ts";
import { nextRun } from "../../runtime/poll/schedule.ts";
import { connect, eventReader, openRuntime, settle } from "./runtime.ts";
import { scriptedVendor, type Answer, type ScriptedVendor } from "./vendor.ts";

/** What a vendor answers, poll by poll, and the events that a connector must make of it. */
export interface PollingCase {
  name: string;
  connector: string;
  subscribe: Pick<NewSubscription, "trigger" | "input">[];
  /** Hold throughout, and come before those of a poll. */
  setup: Answer[];
  polls: {
    answers: Answer[];
    /** By how much the clock moves before the poll. */
    forwardSeconds?: number;
    /** Exactly these events, in any order. Events are written as `type id`. */
    expect?: string[];
    /** At least these. */
    some?: string[];
    /** None of these. */
    never?: string[];
  }[];
  /** Reported by any poll. */
  overall?: string[];
}

/** What came of one poll. */
export interface PlayedPoll {
  /** The events of records, as `type id`, in the order they were made. */
  events: string[];
  /** What the runtime asked the vendor for, as `METHOD path?query`. */
  requests: string[];
  /** Why the poll failed, per stream that did. */
  failures: string[];
}

/** Some minutes before the first poll, which comes shortly after the newest mail in the cases. */
const START = "2026-11-30T09:31:00Z";
const DEFAULT_FORWARD_SECONDS = 300;
/** So rare that no planned poll comes between two that are asked for: one that is due earlier is a repetition. */
const EVERY_SECONDS = 86_400;
/** Repetitions of one poll that are waited for. */
const MOST_REPETITIONS = 3;

/**
 * Plays a case on a runtime with an empty store and a clock that only moves when told. Each entry is one poll by request. The
 * entry's answers hold until the next entry, so a read that the runtime itself wants repeated, without having failed, sees the same.
 * Rejects when the runtime asks for something that no answer fits, or does not poll.
 */
export async function play(given: PollingCase): Promise<PlayedPoll[]> {
  const clock = new ManualClock(START);
  await using vendor = await scriptedVendor(clock);
  await using player = await openPlayer(given, vendor, clock);
  const played: PlayedPoll[] = [];
  for (const [index, { answers, forwardSeconds = DEFAULT_FORWARD_SECONDS }] of given.polls.entries()) {
    clock.advance(forwardSeconds * 1000);
    vendor.give([...given.setup, ...answers]);
    try {
      const { events, failures } = await player.poll();
      played.push({ events, failures, requests: vendor.received().map(({ line }) => line) });
    } catch (cause) {
      throw new Error(`${given.name}, poll ${index + 1}: ${(cause as Error).message}`, { cause });
    }
  }
  return played;
}

/** How the events differ from what a case asks for; empty when they do not. */
export function differences({ polls, overall = [] }: PollingCase, played: readonly PlayedPoll[]): string[] {
  const found = polls.flatMap(({ expect, some = [], never = [] }, index) => {
    const { events } = played[index]!;
    const poll = `poll ${index + 1}`;
    const isWrong = expect !== undefined && list(expect) !== list(events);
    return [
      ...(isWrong ? [`${poll} reported ${list(events)} instead of ${list(expect)}`] : []),
      ...some.filter((event) => !events.includes(event)).map((event) => `${poll} did not report ${event}`),
      ...never.filter((event) => events.includes(event)).map((event) => `${poll} reported ${event}`),
    ];
  });
  const all = new Set(played.flatMap(({ events }) => events));
  return [...found, ...overall.filter((event) => !all.has(event)).map((event) => `no poll reported ${event}`)];
}

const list = (events: readonly string[]): string => events.toSorted().join(", ") || "nothing";

interface Player extends AsyncDisposable {
  poll(): Promise<Omit<PlayedPoll, "requests">>;
}

/** Connects and subscribes; the first poll is the one that follows the subscriptions, which are all there when the engine starts. */
async function openPlayer(given: PollingCase, vendor: ScriptedVendor, clock: ManualClock): Promise<Player> {
  vendor.give(given.setup);
  const runtime = await openRuntime([given.connector], vendor, clock);
  const connection = await connect(runtime, given.connector);
  vendor.received();
  /** A subscription of each stream. */
  const readers = new Map<number, string>();
  for (const wanted of given.subscribe) {
    const { id } = await runtime.subscriptions.create({ ...wanted, connection, everySeconds: EVERY_SECONDS });
    readers.set((await subscriptions.find(runtime.db, id))!.stream, id);
  }

  const settled = async (): Promise<StreamRecord[]> => {
    await settle(runtime, clock);
    return streamsOfConnection(runtime.db, connection);
  };
  /** Whether a stream that was read without a failure is planned to be read again before its schedule wants it. */
  const isToBeRepeated = ({ id, consecutiveErrors, nextPollAt }: StreamRecord): boolean => {
    const planned = nextRun({ everySeconds: EVERY_SECONDS }, id, clock.now());
    return consecutiveErrors === 0 && nextPollAt !== null && nextPollAt < planned;
  };
  const newEvents = eventReader(runtime);
  let isStarted = false;
  return {
    poll: async () => {
      if (isStarted) for (const reader of readers.values()) await runtime.subscriptions.poll(reader);
      else await runtime.engine.start();
      isStarted = true;
      let streams = await settled();
      if (streams.some(({ lastPollAt }) => lastPollAt !== clock.now())) throw new Error("a stream was not polled");
      for (let count = 0; count < MOST_REPETITIONS; count++) {
        const due = streams.filter(isToBeRepeated).map(({ nextPollAt }) => nextPollAt!);
        if (due.length === 0) break;
        clock.set(Math.max(...due));
        streams = await settled();
      }
      const failures = streams.flatMap(({ lastError }) => (lastError ? [lastError.message] : []));
      return { events: await newEvents(), failures };
    },
    [Symbol.asyncDispose]: async () => {
      await runtime.engine.stop(1000);
      await runtime.close();
    },
  };
}
