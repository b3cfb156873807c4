import type { Account } from "../../runtime/sandbox/google/google.ts";
import type { Sandbox } from "../../runtime/sandbox/index.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import type { NewSubscription } from "../../runtime/model/subscriptions.ts";
import type { WebhookEvent } from "../../runtime/webhook.ts";
import { openWorld, type World } from "../contract/world.ts";

/** An event as these tests look at it. */
export interface Reported {
  type: string;
  /** Of the resource. */
  id: string;
  data: Record<string, unknown> & { resource: Record<string, unknown>; record?: Record<string, unknown> };
}

/** A Google connector connected to the sandbox, with everything granted. */
export interface GoogleWorld extends World {
  readonly account: Account;
  /** Makes a subscription whose first poll is over. */
  subscribeWith(trigger: string, more: Partial<NewSubscription>): Promise<string>;
  /** A minute later: polls, and gives the events of all subscriptions. */
  told(subscription: string): Promise<Reported[]>;
}

/** Tokens for a connection of the sandbox's first account, as a host that did the consent itself would have them. */
export async function googleCredentials(sandbox: Sandbox, connector: string): Promise<Record<string, unknown>> {
  const { manifest } = await loadManifest(connector);
  const [redirectUri, { clientId }] = ["http://127.0.0.1/callback", sandbox.client];
  const { oauth } = sandbox.google;
  const code = oauth.approve({
    email: sandbox.google.account().email,
    clientId,
    redirectUri,
    scopes: Object.keys((manifest.authentication as { scopes: object }).scopes),
    offline: true,
    prompted: true,
    includeGranted: true,
    codeChallenge: undefined,
  });
  const { access_token, refresh_token, expires_in } = oauth.exchange(oauth.client(clientId)!, { code, redirectUri });
  const expiresAt = new Date(sandbox.google.clock.now() + expires_in * 1000).toISOString();
  return { accessToken: access_token, refreshToken: refresh_token, expiresAt };
}

/** @param options.items  whether the account begins with something in it */
export async function googleWorld(connector: string, options: { items?: boolean } = {}): Promise<GoogleWorld> {
  const world = await openWorld({
    connector,
    credentials: (sandbox) => googleCredentials(sandbox, connector),
    sandbox: { contacts: options.items ? 10 : 0 },
  });
  let received: WebhookEvent[] = [];
  world.runtime.consumers.on("*", (event) => void received.push(event), { name: "google" });
  return Object.assign(world, {
    account: world.sandbox.google.account(),
    subscribeWith: async (trigger: string, more: Partial<NewSubscription>) => {
      const subscription = await world.runtime.subscriptions.create({ connection: world.connection, trigger, ...more });
      return subscription.id;
    },
    told: async (subscription: string) => {
      world.clock.advance(60_000);
      await world.poll(subscription);
      // A clock that leaps leaves streams behind their schedule, which is reported and is not what is looked at here.
      const taken = received.filter(({ type, data }) => {
        return ("resource" in data || "reason" in data) && !type.startsWith("subscription.");
      });
      received = [];
      return taken.map(({ type, data }) => {
        const id = (data as { resource?: { id: string } }).resource?.id ?? "";
        return { type, id, data } as unknown as Reported;
      });
    },
  });
}
