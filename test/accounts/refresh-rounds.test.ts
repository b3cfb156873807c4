import { describe, expect, it, onTestFinished } from "vitest";
import { openCredentials } from "../../runtime/accounts/credentials.ts";
import { changeConnection, findConnection } from "../../runtime/model/connections.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { SEED, SIZES } from "../fixtures/tier.ts";
import { createTestStore } from "../postgres.ts";
import { harness, vendorServer } from "./harness.ts";
import { accessToken, Family, ROTATING, world, type Opener } from "./refresh-world.ts";
import { get, HOUR, READ } from "./renewing.ts";

const PROCESSES = 16;
const TAKES_MS = 60_000;

async function storeOf(kind: "sqlite" | "postgres") {
  if (kind === "sqlite") return openDatabase("sqlite::memory:");
  const { url, drop } = await createTestStore();
  const db = await openDatabase(url);
  onTestFinished(async () => {
    await db.close();
    await drop();
  });
  return db;
}

/** Sixteen processes, each of which wants the token as soon as it has ended; every second time somebody renames the connection. */
async function play(kind: "sqlite" | "postgres", rounds: number, how: "ours" | "naive") {
  const w = await world(await storeOf(kind), TAKES_MS);
  const openers: Opener[] = Array.from({ length: PROCESSES }, () => (how === "naive" ? w.naive() : w.process()));
  /** As callers do: who is told to try again does. */
  const obtain = async (tokens: Opener): Promise<string> => {
    await w.wait(w.random() * 2_000);
    for (;;) {
      const opened = await tokens.open(w.id).catch(async (error: { retry?: false | { after?: number } }) => {
        if (!error.retry) throw error;
        await w.wait(error.retry.after ?? 1_000);
        return undefined;
      });
      if (opened) return accessToken(opened);
    }
  };
  const rename = async (round: number): Promise<void> => {
    await w.wait(TAKES_MS / 2);
    const { version } = (await findConnection(w.db, w.id))!;
    await changeConnection(w.db, w.id, { version }, { label: `Round ${round}` }, w.clock.now());
  };
  const strange: { round: number; tokens: unknown[] }[] = [];
  for (let round = 1; round <= rounds && !w.family.isRevoked; round++) {
    await w.settle(w.wait(HOUR));
    const asked = Promise.allSettled([...openers.map(obtain), ...(round % 2 ? [rename(round)] : [])]);
    const got = (await w.settle(asked)).slice(0, PROCESSES);
    const tokens = got.map((one) => (one.status === "fulfilled" ? one.value : String(one.reason)));
    if (new Set(tokens).size !== 1 || tokens[0] !== `access-${round}`) strange.push({ round, tokens });
  }
  const row = (await findConnection(w.db, w.id))!;
  return { strange, family: w.family, row, stored: openCredentials(w.vault, row, row.credentials!) };
}

describe("sixteen processes, one token, and a token endpoint that takes a minute", () => {
  it.each(["sqlite", "postgres"] as const)(
    "make one call for each expiry, and the grant lives, on %s in virtual time",
    async (kind) => {
      const rounds = SIZES.refreshRounds[kind];
      const { strange, family, row, stored } = await play(kind, rounds, "ours");
      expect(strange, `seed ${SEED}`).toEqual([]);
      expect(family.calls).toBe(rounds);
      expect(family.isRevoked).toBe(false);
      expect(row.status).toBe("active");
      expect(stored).toMatchObject({ refreshToken: family.current });
    },
    SIZES.refreshRounds.timeoutMs,
  );

  it.each(["sqlite", "postgres"] as const)("lose the grant with a naive lock, on %s", async (kind) => {
    const { family } = await play(kind, 20, "naive");
    expect(family.isRevoked).toBe(true);
  });

  it(
    "make one call for each expiry, and the grant lives, on PostgreSQL in real time",
    async () => {
      const { url, drop } = await createTestStore();
      onTestFinished(drop);
      const family = new Family(() => new Promise((resolve) => void setTimeout(resolve, SIZES.refreshRounds.takesMs)));
      const vendor = await vendorServer(async (request) => {
        if (request.url !== "/token") return { json: { email: "a@x.example", by: request.headers.authorization } };
        const answer = await family
          .refresh(new URLSearchParams(request.body).get("refresh_token")!)
          .catch(() => undefined);
        if (!answer) return { status: 400, json: { error: "invalid_grant" } };
        const { accessToken, refreshToken, expiresIn } = answer;
        return { json: { access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn } };
      });
      let ahead = 0;
      const clock = { now: () => Date.now() + ahead };
      const processes = await Promise.all(
        Array.from({ length: PROCESSES }, async () => {
          const db = await openDatabase(url);
          onTestFinished(() => db.close());
          return harness([ROTATING], { url: vendor.url, db, clock });
        }),
      );
      const { id } = await processes[0]!.accounts.create({
        connector: "acme",
        user: "u_1",
        credentials: { accessToken: "access-0", refreshToken: family.current, expiresAt: clock.now() + HOUR },
      });
      const obtain = async ({ accounts }: (typeof processes)[number]): Promise<unknown> => {
        for (;;) {
          const sent = await accounts.client(id).then(
            async (client) => (await client.send(get, READ)).body,
            async (error: { retry?: false | { after?: number } }) => {
              if (!error.retry) throw error;
              await new Promise((resolve) => void setTimeout(resolve, 1_000));
              return undefined;
            },
          );
          if (sent) return (sent as { by: string }).by;
        }
      };
      for (let round = 1; round <= SIZES.refreshRounds.real; round++) {
        ahead += 2 * HOUR;
        expect(new Set(await Promise.all(processes.map(obtain)))).toEqual(new Set([`Bearer access-${round}`]));
        expect(family.calls).toBe(round);
      }
      expect(family.isRevoked).toBe(false);
    },
    SIZES.refreshRounds.timeoutMs,
  );
});

describe("who waits for a token that somebody else renews", () => {
  const slow = {
    code: "timeout",
    message: expect.stringMatching(
      /^con_\w+: its token is being renewed, and the vendor takes long to answer; try again in 5 s$/,
    ),
    retry: { after: 5_000 },
    data: { sent: false },
  };

  it.each(["the same process", "another process"])("in %s is told after 30 s to try again", async (where) => {
    const w = await world(await storeOf("sqlite"), TAKES_MS);
    const [first, second] = [w.process(), w.process()];
    const ours = where === "another process" ? second : first;
    await w.settle(w.wait(HOUR));
    const holder = first.open(w.id).catch(() => undefined);
    await w.settle(w.wait(1));
    const [asked, since] = [w.statements(), w.clock.now()];
    await expect(w.settle(Promise.all(Array.from({ length: 50 }, () => ours.open(w.id))))).rejects.toMatchObject(slow);
    expect(w.clock.now() - since).toBeGreaterThanOrEqual(29_000);
    expect(w.clock.now() - since).toBeLessThanOrEqual(36_000);
    // Each caller reads the row once, and one for all of them looks again.
    expect(w.statements() - asked).toBeLessThan(50 + 20);
    await w.settle(w.wait(10_000));
    const looked = w.statements();
    await w.settle(w.wait(10_000));
    expect(w.statements()).toBe(looked);
    await w.settle(Promise.all([holder, w.wait(TAKES_MS)]));
    expect(accessToken(await w.settle(ours.open(w.id)))).toBe("access-1");
    expect(w.family.calls).toBe(1);
  });

  it("goes on with a token that is still good", async () => {
    const w = await world(await storeOf("sqlite"), TAKES_MS);
    const [first, second] = [w.process(), w.process()];
    await w.settle(w.wait(HOUR));
    await w.settle(first.open(w.id).catch(() => w.wait(TAKES_MS)));
    await w.settle(w.wait(HOUR - 280_000));
    const holder = first.open(w.id).catch(() => undefined);
    await w.settle(w.wait(1));
    const since = w.clock.now();
    expect(accessToken(await w.settle(second.open(w.id)))).toBe("access-1");
    expect(accessToken(await w.settle(first.open(w.id)))).toBe("access-1");
    expect(w.clock.now()).toBe(since);
    await w.settle(Promise.all([holder, w.wait(TAKES_MS)]));
    expect(w.family.calls).toBe(2);
  });
});

describe("an answer that comes while the store cannot be reached", () => {
  it("is kept until it can be stored", async () => {
    const w = await world(await storeOf("sqlite"), TAKES_MS);
    const process = w.process();
    await w.settle(w.wait(HOUR));
    const opened = process.open(w.id).catch(() => undefined);
    await w.settle(w.wait(TAKES_MS - 10_000));
    w.setOutage(true);
    await w.settle(w.wait(60_000));
    w.setOutage(false);
    await w.settle(Promise.all([opened, w.wait(2_000)]));
    expect(accessToken(await w.settle(w.process().open(w.id)))).toBe("access-1");
    expect(w.family.isRevoked).toBe(false);
  });
});
