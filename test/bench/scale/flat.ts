import { openFilled, type Sizes, type Turn } from "./flat-store.ts";

const SMALL: Sizes = { subscriptions: 1_000, knownEach: 10, delayed: 2_000 };
const LARGE: Sizes = { subscriptions: 100_000, knownEach: 10, delayed: 200_000 };
const WARM_UP = 5;
const ROUNDS = 25;

export interface Flatness {
  store: string;
  what: string;
  /** Medians over all rounds. */
  smallMs: number;
  largeMs: number;
}

/** The same work on a store that holds little and on one that holds much, in turns, so that a slow moment strikes both. */
export async function measureFlatness(store: string, smallUrl: string, largeUrl: string): Promise<Flatness[]> {
  const small = await openFilled(smallUrl, SMALL);
  const large = await openFilled(largeUrl, LARGE);
  const turns: { small: Turn; large: Turn }[] = [];
  for (let i = 0; i < WARM_UP + ROUNDS; i++) {
    const turn = { small: await small.turn(), large: await large.turn() };
    if (i >= WARM_UP) turns.push(turn);
  }
  await small.close();
  await large.close();
  const row = (what: string, of: (turn: Turn) => number): Flatness => ({
    store,
    what,
    smallMs: median(turns.map((turn) => of(turn.small))),
    largeMs: median(turns.map((turn) => of(turn.large))),
  });
  return [
    row("claim 128 due polls and read what they need", ({ claimMs }) => claimMs),
    row("commit them: 10 records, 2 events, 2 jobs each", ({ commitMs }) => commitMs),
    row("claim and end the 256 deliveries", ({ deliverMs }) => deliverMs),
  ];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
