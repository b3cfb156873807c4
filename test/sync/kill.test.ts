import { join } from "node:path";
import { array, sample } from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { compose } from "../../runtime/compose.ts";
import { otherSide, SIDES, type Side } from "../../runtime/sync/sides.ts";
import { temporaryFolder } from "../faults/scenes.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { FastClock } from "../fixtures/fast-clock.ts";
import { RuntimeProcess } from "../fixtures/runtime-process.ts";
import type { WorkerOptions } from "../fixtures/runtime-worker.ts";
import { SIZES, steadySeed } from "../fixtures/tier.ts";
import { until } from "../fixtures/wait.ts";
import { anyEdit, makeEdit, shared } from "./edits.ts";
import { ContactsVendor, flat, nested } from "./vendors.ts";

const SEED = steadySeed(20_261_122);
const EDITS = SIZES.syncEdits;
const PER_ROUND = 25;
/** Clock seconds per real second: polls come every 50 ms. */
const SPEED = 20;
/** A process is killed in every second round. */
const KILL_EVERY = 2;
/** Reads of each side in which what was written comes back. */
const REST = 2;

describe(`${EDITS} edits on both sides, with processes killed meanwhile (seed ${SEED}; HOOKLINE_SEED chooses another)`, () => {
  it("end with both sides equal, and as many writes as changes", async () => {
    const time = { epoch: Date.now(), speed: SPEED, ahead: 0 };
    const clock = new FastClock(time);
    const vendors: Record<Side, ContactsVendor> = {
      left: await new ContactsVendor(nested, () => clock.now()).start(),
      right: await new ContactsVendor(flat, () => clock.now()).start(),
    };
    onTestFinished(async () => void (await Promise.all(SIDES.map((side) => vendors[side].stop()))));
    const options: WorkerOptions = {
      store: `sqlite:${join(temporaryFolder(), "hookline.db")}`,
      connectors: [nested.manifest, flat.manifest],
      servers: { rolo: { url: vendors.left.url }, crm: { url: vendors.right.url } },
      time,
    };
    await makeSync(options, clock);

    let runtime = new RuntimeProcess();
    let standby = new RuntimeProcess();
    onTestFinished(() => [runtime, standby].forEach((one) => one.kill()));
    await runtime.start(options);
    const replace = async (): Promise<void> => {
      await runtime.ended();
      [runtime, standby] = [standby, new RuntimeProcess()];
      await runtime.start(options);
    };

    const [edits] = sample(array(anyEdit, { minLength: EDITS, maxLength: EDITS, size: "max" }), {
      seed: SEED,
      numRuns: 1,
    });
    const kills: string[] = [];
    let expected = 0;
    for (let made = 0; made < EDITS; made += PER_ROUND) {
      const touched = new Set<string>();
      for (const [i, edit] of edits!.slice(made, made + PER_ROUND).entries()) {
        const book = vendors[edit.side];
        const before = new Map([...book.cards.values()].map((card) => [card.first, JSON.stringify(shared(card))]));
        const first = makeEdit(book, edit, made + i + 1, touched)!;
        touched.add(first);
        const now = [...book.cards.values()].find((card) => card.first === first);
        if (JSON.stringify(now && shared(now)) !== before.get(first)) expected++;
      }
      const round = made / PER_ROUND;
      if (round % KILL_EVERY === 0) {
        // While the vendor has the write and has not begun, or has done it and nobody knows.
        const moment = round % (2 * KILL_EVERY) === 0 ? "after" : "before";
        kills.push(`${moment} ${await killAtWrite(vendors, moment, () => runtime.kill(), round % 5)}`);
        await replace();
      }
      await equal(vendors);
      const rested = SIDES.map((side) => vendors[side].reads + REST);
      await until(() => SIDES.every((side, i) => vendors[side].reads >= rested[i]!));
      expect(vendors.left.writes.length + vendors.right.writes.length, `after round ${round}, ${kills.at(-1)}`).toBe(
        expected,
      );
    }
    await runtime.stop();

    expect(kills.length).toBeGreaterThanOrEqual(EDITS / PER_ROUND / KILL_EVERY);
    expect(new Set(kills).size).toBeGreaterThanOrEqual(Math.min(4, kills.length / 2));
    expect(vendors.left.contents(shared)).toEqual(vendors.right.contents(shared));
    const firsts = [...vendors.left.cards.values()].map(({ first }) => first);
    expect(new Set(firsts).size).toBe(firsts.length);
    expect(expected).toBeGreaterThan(EDITS * 0.7);
  });
});

/** Connects both vendors and makes the sync, before the first process that will be killed. */
async function makeSync(options: WorkerOptions, clock: FastClock): Promise<void> {
  const runtime = await compose(composeOptions({ ...options, clock }));
  const connect = async (connector: string) => (await runtime.accounts.create({ connector, user: "u_1" })).id;
  const [left, right] = [await connect("rolo"), await connect("crm")];
  await runtime.syncs.create({ resource: "contact", left, right, everySeconds: 1, conflicts: "left" });
  await runtime.close();
}

/** Kills at the n-th write from now on, wherever it goes; tells which kind it was. */
function killAtWrite(
  vendors: Record<Side, ContactsVendor>,
  moment: "before" | "after",
  kill: () => void,
  skip: number,
): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let left = skip;
  for (const side of SIDES) {
    vendors[side][moment] = ({ method, socket }) => {
      if (method === "GET" || left-- > 0) return false;
      vendors[side][moment] = vendors[otherSide(side)][moment] = () => false;
      kill();
      socket.destroy();
      resolve(method!);
      return true;
    };
  }
  return promise;
}

async function equal(vendors: Record<Side, ContactsVendor>): Promise<void> {
  const contents = (side: Side): string => JSON.stringify(vendors[side].contents(shared));
  await until(() => contents("left") === contents("right")).catch(() => {
    throw new Error(`the sides stay different: ${contents("left")} and ${contents("right")}`);
  });
}
