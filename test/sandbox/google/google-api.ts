import { afterEach } from "vitest";
import { ManualClock } from "../../../runtime/core/clock.ts";
import { createSandbox, type Sandbox } from "../../../runtime/sandbox/index.ts";
import { control, failure, signIn, type GoogleErrorBody } from "../sandbox-client.ts";

const running: Sandbox[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((sandbox) => sandbox.stop()));
});

export const AUTH = "https://www.googleapis.com/auth/";

/** A sandbox with an empty account, and what the real client library needs to call it with some scopes. */
export async function googleApi(...scopes: string[]) {
  const clock = new ManualClock("2026-11-21T10:00:00Z");
  const sandbox = await createSandbox({ clock, contacts: 0 });
  running.push(sandbox);
  const { access_token } = await signIn(sandbox, { scope: scopes.map((scope) => AUTH + scope).join(" ") });
  const options = {
    rootUrl: `${sandbox.url}/`,
    retry: false,
    headers: { authorization: `Bearer ${access_token}` },
  };
  return { sandbox, clock, account: sandbox.google.account(), options };
}

/** Status, reason and message of a call that must fail. */
export async function refusal(call: Promise<unknown>) {
  const { status, body } = await failure(call);
  const { errors, message } = body.error as GoogleErrorBody["error"] & { errors?: { reason: string }[] };
  return { status, reason: errors?.[0]?.reason, message };
}

/** What a person does, by the control API; gives its answer. */
export async function act(
  sandbox: Sandbox,
  method: string,
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const answer = await control(sandbox, method, path, body);
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as unknown as Record<string, unknown>;
}
