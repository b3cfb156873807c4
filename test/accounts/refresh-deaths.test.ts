/** A process that dies at each commit of a renewal, clocks that jump afterwards, and refresh tokens that end their grant when one comes back. */
import { describe, expect, it } from "vitest";
import { IS_LARGE } from "../fixtures/tier.ts";
import { LEASE_MS } from "../../runtime/accounts/renewal.ts";
import { findConnection } from "../../runtime/model/connections.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { createTestDatabase } from "../postgres.ts";
import { dyingStore, type Death } from "./dying-store.ts";
import { acme, acmeOAuth, harness, later, vendorServer } from "./harness.ts";

const HOUR = 3_600_000;

async function storeOf(kind: "sqlite" | "postgres") {
  if (kind === "sqlite") return openDatabase("sqlite::memory:");
  const { url, drop } = await createTestDatabase();
  later(drop);
  return openDatabase(url);
}

/** A connection whose token has ended, at a vendor that takes each refresh token once. */
async function started(kind: "sqlite" | "postgres", reuseGraceSeconds?: number) {
  const store = await storeOf(kind);
  later(() => store.close());
  const family = { current: 0, calls: 0, isRevoked: false };
  const vendor = await vendorServer(({ url, body }) => {
    if (url !== "/token") return { json: { email: "a@x.example" } };
    family.calls++;
    const used = Number(new URLSearchParams(body).get("refresh_token")!.slice("refresh-".length));
    const isInGrace = reuseGraceSeconds !== undefined && used === family.current - 1;
    if (used !== family.current && !isInGrace) family.isRevoked = true;
    if (family.isRevoked) return { status: 400, json: { error: "invalid_grant" } };
    const n = isInGrace ? family.current : ++family.current;
    return { json: { access_token: `access-${n}`, refresh_token: `refresh-${n}`, expires_in: 3600 } };
  });
  const dying = dyingStore(store);
  const refresh = { rotates: true, marginSeconds: 300, ...(reuseGraceSeconds && { reuseGraceSeconds }) };
  const h = await harness([acme({ authentication: { ...acmeOAuth, refresh } })], { url: vendor.url, db: dying.db });
  const credentials = { accessToken: "access-0", refreshToken: "refresh-0", expiresAt: h.clock.now() + HOUR };
  const { id } = await h.accounts.create({ connector: "acme", user: "u_1", credentials });
  h.clock.advance(2 * HOUR);
  const outcome = (accounts = h.accounts) =>
    accounts.tokens.open(id).then(
      ({ credentials: found }) => (found as { accessToken: string }).accessToken,
      (error: { code?: string; data?: { reason?: string } }) => error.data?.reason ?? error.code ?? "died",
    );
  return { ...h, id, family, dying, store, outcome, row: async () => (await findConnection(store, id))! };
}

const deaths: Death[] = [1, 2, 3].flatMap((commit) => [
  { commit, when: "before" as const },
  { commit, when: "after" as const },
]);
const jumps: [string, number][] = [
  ["no time", 0],
  ["the lease but for a millisecond", LEASE_MS - 1],
  ["the lease", LEASE_MS],
  ["a day", 24 * HOUR],
  ["an hour back", -HOUR],
  ["a year back", -365 * 24 * HOUR],
];

describe.each(IS_LARGE ? (["sqlite", "postgres"] as const) : (["sqlite"] as const))(
  "a process that dies in a renewal, on %s",
  (kind) => {
    it.each(deaths.flatMap((death) => jumps.map(([what, ms]) => [death.when, death.commit, what, ms] as const)))(
      "%s its commit %i, and %s later, never has an old refresh token used",
      async (when, commit, _what, ms) => {
        const h = await started(kind);
        h.dying.dieAt({ commit, when });
        const first = await h.outcome();
        const hasDied = h.dying.life.isDead;
        expect(first).toMatch(hasDied ? /^died|^access-1$/ : /^access-1$/);
        h.dying.dieAt({ commit: Infinity, when: "before" });
        h.clock.advance(ms);
        const heir = h.another();
        const waited = h.outcome(heir);
        h.clock.advance(Math.max(0, -ms) + LEASE_MS);
        await waited;
        const last = await h.outcome(heir);
        expect(h.family.isRevoked).toBe(false);
        const { status, error } = await h.row();
        // Between the lease and the answer that is stored, nobody can tell whether the vendor was asked.
        const isBetween = (commit === 1 && when === "after") || (commit === 2 && when === "before");
        const good = { last: `access-${h.family.current}`, status: "active", reason: undefined };
        const unknown = { last: "refresh_unknown", status: "reauth_required", reason: "refresh_unknown" };
        expect({ last, status, reason: error?.reason }).toEqual(isBetween ? unknown : good);
      },
    );

    it.each(deaths)("$when its commit $commit goes on where the vendor has a grace", async (death) => {
      const h = await started(kind, 600);
      h.dying.dieAt(death);
      await h.outcome();
      h.dying.dieAt({ commit: Infinity, when: "before" });
      h.clock.advance(LEASE_MS);
      expect(await h.outcome(h.another())).toBe(`access-${h.family.current}`);
      expect([h.family.isRevoked, (await h.row()).status]).toEqual([false, "active"]);
    });
  },
);
