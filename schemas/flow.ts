// Generated from flow.schema.json by schemas/generate.ts; do not edit.

/**
 * What starts a flow.
 */
export type Trigger = ConnectorTrigger | HookTrigger | ScheduleTrigger | ConnectionTrigger | CallTrigger;
/**
 * Id of a connection (in a template, the name of a slot), or the user's only connection of a connector.
 */
export type Connection =
  | string
  | {
      /**
       * Name of the connector.
       */
      connector: string;
    };
/**
 * JMESPath; true unless its value is null, false or empty.
 */
export type Condition = string;
/**
 * Any JSON with literals and expressions.
 */
export type Mapping = unknown;
/**
 * ISO 8601 duration of weeks, days, hours, minutes and seconds.
 */
export type Duration = string;

/**
 * Triggers wired to steps. Every value of a mapping is a literal, a runtime expression ($trigger.resource.firstName), {"$expr": JMESPath}, or text with {{JMESPath}} in it, over trigger, steps, workspace, user, connection, setup and, inside a forEach, item.
 */
export interface Flow {
  /**
   * What people call it.
   */
  name: string;
  /**
   * The triggers; any of them starts a run.
   *
   * @minItems 1
   * @maxItems 20
   */
  triggers: Trigger[];
  /**
   * Only triggers for which the result is true start a run; JMESPath over {trigger, setup}.
   */
  when?: Condition;
  /**
   * The steps, in order.
   *
   * @minItems 1
   * @maxItems 50
   */
  steps: Step[];
  /**
   * A run that has not ended this long after its start fails.
   */
  timeLimit?: Duration;
}
/**
 * A trigger of a connection; `trigger` in mappings is the data of its event.
 */
export interface ConnectorTrigger {
  connection: Connection;
  /**
   * Key of the trigger in the connector's manifest.
   */
  trigger: string;
  /**
   * Input of the trigger.
   */
  input?: {
    [k: string]: unknown;
  };
  /**
   * Only changes for which the result is true; JMESPath over {record, resource, previous, input}.
   */
  where?: Condition;
}
/**
 * A POST to /v1/hooks/{id of the flow}; `trigger` in mappings is {body, headers, query}.
 */
export interface HookTrigger {
  /**
   * No choices.
   */
  hook: {};
}
/**
 * Times of a cron expression; `trigger` in mappings is {time}. Times missed while nothing ran are made up for once.
 */
export interface ScheduleTrigger {
  /**
   * Cron expression of five fields.
   */
  schedule: string;
  /**
   * IANA time zone; UTC when not given.
   */
  timeZone?: string;
}
/**
 * A connection of the connector becoming active, also again after a reconnect; `trigger` in mappings is {connection, connector, user}.
 */
export interface ConnectionTrigger {
  /**
   * The connector.
   */
  connectionActive: {
    /**
     * Name of the connector.
     */
    connector: string;
  };
}
/**
 * A call of POST /v1/flows/{id}/runs; `trigger` in mappings is its body.
 */
export interface CallTrigger {
  /**
   * No choices.
   */
  call: {};
}
/**
 * One thing to do. Later steps read it as steps.<id>: {output, input, error, status}.
 */
export interface Step {
  /**
   * Its name in mappings, unique in the flow.
   */
  id: string;
  /**
   * For people.
   */
  title?: string;
  connection?: Connection;
  /**
   * Key of an action of the connection's connector.
   */
  action?: string;
  /**
   * Input of the action.
   */
  input?: Mapping;
  http?: Http;
  /**
   * Waits; the wait outlives restarts.
   */
  delay?: Duration;
  /**
   * The step is skipped unless this holds; inside a forEach, for each item.
   */
  when?: Condition;
  /**
   * A list: the step is done once for each `item` of it, in order, and its output is the list of outputs.
   */
  forEach?: Mapping;
  /**
   * What a failure leads to: the run's end (the default), the next step, or further tries and then the run's end.
   */
  onError?:
    | ("stop" | "continue")
    | {
        retry: Retry;
      };
  /**
   * How long one try may take; 60 when not given.
   */
  timeoutSeconds?: number;
}
/**
 * A call of a public URL. Its output is {status, headers, body}; a status outside 200 to 299 is a failure. Carries an Idempotency-Key that is the same over tries.
 */
export interface Http {
  /**
   * The verb.
   */
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /**
   * URL of the request; values put into it are percent-encoded.
   */
  url: string;
  /**
   * Further headers.
   */
  headers?: {
    [k: string]: string;
  };
  /**
   * Sent as JSON.
   */
  body?: Mapping;
  /**
   * Whether the receiver does a request once however often it gets its Idempotency-Key; only then a POST or PATCH is sent again after a failure that leaves open whether it was done.
   */
  idempotent?: boolean;
}
/**
 * Further tries after any failure. An action that is not idempotent may then be done twice.
 */
export interface Retry {
  /**
   * Most tries after the first.
   */
  max: number;
  /**
   * The pause before each.
   */
  after: Duration;
}
