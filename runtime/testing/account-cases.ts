import type { SendOptions } from "../accounts/client.ts";
import { HooklineError } from "../core/errors.ts";
import { findConnection } from "../model/connections.ts";
import { Bench, hasTokens, type Subject } from "./bench.ts";
import { Finding, type Case } from "./outcome.ts";

const READ: SendOptions = { scope: "action", kind: "read", retry: { max: 0, on: [] } };
const PING = { method: "GET", path: "/hookline-kit/ping" };

/** What becomes of tokens that end, rotate and are taken back. */
export function accountCases(subject: Subject): Case[] {
  const types = [...subject.connector.authentication.keys()];
  if (!types.some(hasTokens)) return [];
  const inBench = (run: (bench: Bench) => Promise<void>) => async () => {
    await using bench = await Bench.open(subject);
    await run(bench);
  };
  if (!types.includes("oauth2"))
    return [{ area: "authentication", name: "one new token for many callers at once", run: inBench(rotating) }];
  return [
    { area: "authentication", name: "rotating refresh tokens under concurrency", run: inBench(rotating) },
    { area: "authentication", name: "a grant that was taken back", run: inBench(takenBack) },
  ];
}

async function rotating({ server, accounts, connection, clock, db }: Bench): Promise<void> {
  const refuse = () => server.endAccess();
  for (const end of [refuse, () => clock.advance(24 * 60 * 60_000)]) {
    const client = await accounts.client(connection);
    const { expiresAt } = (await findConnection(db, connection))!;
    // Where nothing says when a token ends, time does not.
    if (expiresAt === null && end !== refuse) continue;
    end();
    server.grants.length = 0;
    await Promise.all(Array.from({ length: 5 }, () => client.send(PING, READ)));
    if (server.grants.length !== 1)
      throw new Finding(`${server.grants.length} token requests for five at once; check authExpired in errors`);
  }
}

async function takenBack({ server, accounts, connection }: Bench): Promise<void> {
  const client = await accounts.client(connection);
  server.endGrant();
  const failure = () =>
    client.send(PING, READ).then(
      () => undefined,
      (error: unknown) => error,
    );
  const error = await failure();
  await failure();
  if (!(error instanceof HooklineError) || error.code !== "reauth_required") {
    throw new Finding(
      `invalid_grant ended with ${error instanceof HooklineError ? error.code : "success"}; give errors a matcher of class authRevoked for it, with scope token`,
    );
  }
  if (server.grants.length !== 1)
    throw new Finding("the token endpoint was asked again after it had said invalid_grant");
}
