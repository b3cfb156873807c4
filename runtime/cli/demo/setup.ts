import type { Call } from "./api.ts";
import { grantAccess } from "./person.ts";

/** What the demonstration has made through the API; each is there once it was made. */
export interface DemoState {
  connection?: string;
  endpoint?: string;
  secret?: string;
  /** By trigger. */
  subscriptions: Record<string, string>;
}

const TRIGGERS = ["contact_created", "contact_updated", "contact_deleted"];
/** What the printed requests run. */
const ACTIONS = ["create_contact"];

/** Makes what is missing and mends what has changed, over the same HTTP API that anybody would use. */
export async function setUp(
  call: Call,
  state: DemoState,
  receiverUrl: string,
  save: () => Promise<void>,
): Promise<void> {
  await connect(call, state, save);
  if (state.endpoint === undefined) {
    const made = await call<{ id: string; secret: string }>("POST", "/v1/endpoints", {
      url: receiverUrl,
      ordered: true,
    });
    Object.assign(state, { endpoint: made.id, secret: made.secret });
    await save();
  } else {
    await call("PATCH", `/v1/endpoints/${state.endpoint}`, { url: receiverUrl });
  }
  const { connection, endpoint } = state;
  for (const trigger of TRIGGERS) {
    if (state.subscriptions[trigger] !== undefined) continue;
    // Those who are in the book already come along, marked as backfill: the receiver then knows what an update changed.
    const firstPoll = trigger === "contact_created" ? "emitAll" : "baseline";
    const { id } = await call<{ id: string }>("POST", "/v1/subscriptions", {
      connection,
      trigger,
      endpoint,
      firstPoll,
    });
    state.subscriptions[trigger] = id;
    await save();
  }
}

/** A connection whose grant is gone, as when the sandbox's file was deleted, is granted again. */
async function connect(call: Call, state: DemoState, save: () => Promise<void>): Promise<void> {
  if (state.connection === undefined) {
    const request = { connector: "google-contacts", user: "demo", triggers: TRIGGERS, actions: ACTIONS };
    const { id, authorizeUrl } = await call<{ id: string; authorizeUrl: string }>("POST", "/v1/connections", request);
    await grantAccess(authorizeUrl);
    state.connection = id;
    await save();
    return;
  }
  const { status } = await call<{ status: string }>("GET", `/v1/connections/${state.connection}`);
  if (status === "active") return;
  const { authorizeUrl } = await call<{ authorizeUrl: string }>(
    "POST",
    `/v1/connections/${state.connection}/reconnect`,
    {},
  );
  await grantAccess(authorizeUrl);
}
