// Generated from recording.schema.json by schemas/generate.ts; do not edit.

/**
 * What a vendor answers, and what a connector must make of it: a file in the folder recordings/ beside a manifest.
 */
export type Recording = StreamRecording | ActionRecording;
/**
 * Where an editor finds this schema.
 */
export type SchemaLink = string;
/**
 * What happens at the vendor, in a sentence.
 */
export type About = string;
/**
 * The vendor's pages that show answers of this shape.
 */
export type Documentation = string[];
/**
 * Requests and their answers. Of several that fit a request, the first that has not taken place is taken.
 */
export type Exchanges = Exchange[];
/**
 * The code of the error that ends the poll or the call.
 */
export type Fails = string;

/**
 * Polls of a stream, each with the vendor's answers and the events that must be told.
 */
export interface StreamRecording {
  $schema?: SchemaLink;
  about: About;
  documentation?: Documentation;
  /**
   * Name of the stream.
   */
  stream: string;
  /**
   * The time at which the account is connected. 2026-06-01T00:00:00Z when not given.
   */
  start?: string;
  /**
   * Takes the place of the page size in the manifest's pagination, so that two pages need few records.
   */
  pageSize?: number;
  connection?: Connection;
  /**
   * The subscriptions before the first poll.
   *
   * @minItems 1
   */
  subscribe: Subscription[];
  /**
   * Exchanges that hold in every poll, and need not take place.
   */
  always?: Exchange[];
  /**
   * The polls, in their order.
   *
   * @minItems 1
   */
  polls: Poll[];
}
/**
 * What the connection has captured, by the names in the manifest's capture.
 */
export interface Connection {
  [k: string]: string;
}
/**
 * A subscription of a trigger.
 */
export interface Subscription {
  /**
   * Name of the trigger.
   */
  trigger: string;
  /**
   * The trigger's input. Empty when not given.
   */
  input?: {
    [k: string]: unknown;
  };
}
/**
 * A request, by what matters of it, and its answer.
 */
export interface Exchange {
  /**
   * What a request must have to be this one.
   */
  request: {
    /**
     * The method. GET when not given.
     */
    method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
    /**
     * The whole path, decoded.
     */
    path: string;
    /**
     * Parameters with their values; null for one that must be absent. Others do not matter.
     */
    query?: {
      [k: string]: string | string[] | null;
    };
    /**
     * Part of the JSON body: objects may have more properties, null is for one that must be absent, all else is equal.
     */
    body?: unknown;
  };
  /**
   * The answer.
   */
  response: {
    /**
     * HTTP status. 200 when not given.
     */
    status?: number;
    /**
     * Headers that matter. Content-Type is JSON when not given.
     */
    headers?: {
      [k: string]: string;
    };
    /**
     * The JSON body. {} when neither it nor `text` is given.
     */
    body?: unknown;
    /**
     * A body that is not JSON.
     */
    text?: string;
  };
}
/**
 * One poll. Every exchange must take place, and no other request may.
 */
export interface Poll {
  about?: About;
  /**
   * Seconds since the poll before. 300 when not given.
   */
  afterSeconds?: number;
  exchanges: Exchanges;
  /**
   * All events of the poll in any order, as `type key`; those without a record as `type`.
   */
  tells: string[];
  fails?: Fails;
}
/**
 * One call of an action: its input, the requests it must send with the vendor's answers, and its result.
 */
export interface ActionRecording {
  $schema?: SchemaLink;
  about: About;
  documentation?: Documentation;
  /**
   * Name of the action.
   */
  action: string;
  connection?: Connection;
  /**
   * The input of the call.
   */
  input: {
    [k: string]: unknown;
  };
  exchanges: Exchanges;
  /**
   * The output, in full.
   */
  output?: unknown;
  fails?: Fails;
}
