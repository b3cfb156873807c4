/** What both baselines share: fetching pages and posting bodies with undici, as one would write it by hand. */
import { Agent } from "undici";
import type { Person } from "../../../runtime/sandbox/google/people/fields.ts";
import { resourceOf } from "../contacts.ts";
import type { Places } from "../contender.ts";

const IN_FLIGHT = 64;
const PATH = "/v1/people/me/connections?pageSize=1000&requestSyncToken=true";

interface Page {
  connections?: Person[];
  nextPageToken?: string;
  nextSyncToken?: string;
}

export interface Webhook {
  id: string;
  body: string;
  headers: Record<string, string>;
}

export class Plain {
  readonly #vendor = new Agent({ connections: 4 });
  readonly #receiver = new Agent({ connections: IN_FLIGHT });
  readonly #places: Places;
  #sequence = 0;

  constructor(places: Places) {
    this.#places = places;
  }

  /** The pages of what changed since a token; the last has the next. */
  async *pages(syncToken: string | undefined): AsyncGenerator<Page> {
    let page: Page = {};
    do {
      const query = `${syncToken === undefined ? "" : `&syncToken=${syncToken}`}${page.nextPageToken ? `&pageToken=${page.nextPageToken}` : ""}`;
      const answer = await this.#vendor.request({ origin: this.#places.vendor, path: PATH + query, method: "GET" });
      page = (await answer.body.json()) as Page;
      yield page;
    } while (page.nextPageToken !== undefined);
  }

  /** The body that the runtime sends for this contact too. */
  body(record: Person): string {
    const ids = {
      connector: "google-contacts",
      connection: `con_${"0".repeat(32)}`,
      user: "u_1",
      trigger: "contact_created",
    };
    const facts = {
      subscription: `sub_${"0".repeat(32)}`,
      sequence: ++this.#sequence,
      change: "created",
      backfill: false,
    };
    const data = { ...ids, ...facts, resource: resourceOf(record), record };
    return JSON.stringify({ type: "contact.created", timestamp: new Date().toISOString(), data });
  }

  /** Posts webhooks as fast as the receiver takes them, so many at once, while more are put in. */
  poster(onDone: (webhook: Webhook) => void): { put(webhook: Webhook): void; done(): Promise<void> } {
    const waiting: Webhook[] = [];
    let [flying, taken] = [0, 0];
    let finish: (() => void) | undefined;
    const post = async (webhook: Webhook): Promise<void> => {
      flying++;
      const { body, headers } = webhook;
      const answer = await this.#receiver.request({
        origin: this.#places.receiver,
        path: "/",
        method: "POST",
        body,
        headers,
      });
      await answer.body.dump();
      if (answer.statusCode !== 204) throw new Error(`The receiver answered ${answer.statusCode}.`);
      onDone(webhook);
      flying--;
      const next = waiting[taken++];
      if (next) return post(next);
      taken--;
      if (flying === 0) finish?.();
    };
    return {
      put: (webhook) => {
        if (flying < IN_FLIGHT) void post(webhook);
        else waiting.push(webhook);
      },
      done: async () => {
        if (flying > 0) await new Promise<void>((resolve) => (finish = resolve));
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#vendor.close(), this.#receiver.close()]);
  }
}
