import type { Log } from "../core/log.ts";
import type { Tx } from "./database.ts";
import { renumberEvents } from "./renumber.ts";

/**
 * The tables, as a list of migrations that only ever grows: the store's version is how many have run.
 * `blob`, `bigint` and `serial` differ between the databases; the rest is common SQL.
 */
export interface Dialect {
  blob: string;
  bigint: string;
  /** A growing integer key given by the database. */
  serial: string;
  /** What follows the closing bracket of a large table that is only read by its primary key. */
  clustered: string;
  /** The parts of such a table, where it has any. */
  partitions(table: string): string[];
  /** The tables of the engine that works this database. */
  jobs: readonly string[];
  /** The tables that only processes which share a database need. */
  shared: readonly string[];
  /** What fences the claims of jobs, and counts how often a process died over one. */
  interruptions: readonly Step[];
}

/** A statement, or work that no statement can do; both run in the migration's own transaction. */
export type Step = string | ((tx: Tx, log: Log) => Promise<void>);
export type Migration = (d: Dialect) => readonly Step[];

export const migrations: readonly Migration[] = [
  (d) => [
    `create table connections (
       id text primary key,
       connector text not null,
       user_id text not null,
       status text not null,
       label text,
       inputs text not null,
       captured text not null,
       scopes text not null,
       auth_type text not null,
       credentials ${d.blob},
       expires_at ${d.bigint},
       version ${d.bigint} not null,
       refresh_owner text,
       refresh_until ${d.bigint},
       error text,
       created_at ${d.bigint} not null,
       updated_at ${d.bigint} not null
     )`,
    `create index connections_by_user on connections (user_id, id)`,
    `create index connections_by_account on connections (connector, label)`,
    `create table oauth_states (
       state_hash text primary key,
       connection text not null,
       sealed ${d.blob} not null,
       return_to text,
       expires_at ${d.bigint} not null,
       used_at ${d.bigint}
     )`,
    `create table streams (
       id ${d.serial},
       connection text not null,
       stream text not null,
       input_hash text not null,
       input text not null,
       request_hash text,
       cursor_version ${d.bigint} not null,
       cursor text,
       checkpoint text,
       baselined_at ${d.bigint},
       sequence ${d.bigint} not null,
       last_poll_at ${d.bigint},
       last_success_at ${d.bigint},
       cursor_at ${d.bigint},
       next_poll_at ${d.bigint},
       consecutive_errors ${d.bigint} not null,
       last_error text,
       unique (connection, stream, input_hash)
     )`,
    `create table known (
       stream ${d.bigint} not null,
       key text not null,
       version text not null,
       seen ${d.bigint} not null,
       watched text,
       primary key (stream, key)
     ) ${d.clustered}`,
    ...d.partitions("known"),
    `create table subscriptions (
       id text primary key,
       connection text not null,
       user_id text not null,
       trigger_name text not null,
       stream ${d.bigint} not null,
       input text not null,
       condition text,
       schedule text,
       time_zone text,
       every_seconds ${d.bigint},
       first_poll text not null,
       backfill text,
       endpoint text,
       flow text,
       status text not null,
       degraded ${d.bigint} not null,
       created_at ${d.bigint} not null,
       updated_at ${d.bigint} not null
     )`,
    `create index subscriptions_by_stream on subscriptions (stream)`,
    `create index subscriptions_by_user on subscriptions (user_id, id)`,
    `create table events (
       id text primary key,
       type text not null,
       connection text,
       user_id text,
       subscription text,
       stream ${d.bigint},
       record_key text,
       sequence ${d.bigint},
       created_at ${d.bigint} not null,
       data text not null
     )`,
    `create index events_by_record on events (stream, record_key, id)`,
    `create index events_by_connection on events (connection, id)`,
    `create table endpoints (
       id text primary key,
       kind text not null,
       url text not null,
       user_id text,
       events text not null,
       condition text,
       format text not null,
       ordered ${d.bigint} not null,
       rate_per_second ${d.bigint},
       sealed ${d.blob},
       status text not null,
       disabled_reason text,
       paused_until ${d.bigint},
       failing_since ${d.bigint},
       created_at ${d.bigint} not null,
       updated_at ${d.bigint} not null
     )`,
    `create index endpoints_by_user on endpoints (user_id, status)`,
    `create table deliveries (
       id text primary key,
       event text not null,
       endpoint text not null,
       status text not null,
       attempts text not null,
       next_attempt_at ${d.bigint},
       created_at ${d.bigint} not null,
       finished_at ${d.bigint}
     )`,
    `create index deliveries_by_event on deliveries (event)`,
    `create index deliveries_by_endpoint on deliveries (endpoint, status, id)`,
    ...d.jobs,
    `create table idempotency (
       key text not null,
       scope text not null,
       request_hash text not null,
       status ${d.bigint},
       answer text,
       expires_at ${d.bigint} not null,
       primary key (scope, key)
     )`,
    `create table api_keys (
       id text primary key,
       name text not null,
       hash text not null,
       created_at ${d.bigint} not null,
       last_used_at ${d.bigint},
       revoked_at ${d.bigint}
     )`,
    `create table meta (name text primary key, value text not null)`,
  ],
  (d) => [
    `create table variables (
       user_id text not null,
       name text not null,
       secret ${d.bigint} not null,
       sealed ${d.blob} not null,
       created_at ${d.bigint} not null,
       updated_at ${d.bigint} not null,
       primary key (user_id, name)
     )`,
    `create table batches (
       id text primary key,
       connection text not null,
       user_id text not null,
       action text not null,
       status text not null,
       total ${d.bigint} not null,
       created_at ${d.bigint} not null,
       finished_at ${d.bigint}
     )`,
    `create index batches_by_end on batches (finished_at)`,
    `create table batch_items (
       batch text not null,
       position ${d.bigint} not null,
       status text not null,
       input text not null,
       result text,
       primary key (batch, position)
     )`,
    `create index batch_items_by_status on batch_items (batch, status, position)`,
  ],
  (d) => [
    `create table flows (
       id text primary key,
       user_id text,
       version ${d.bigint} not null,
       status text not null,
       problem text,
       origin text,
       hook_secret ${d.blob},
       sample text,
       created_at ${d.bigint} not null,
       updated_at ${d.bigint} not null
     )`,
    `create index flows_by_user on flows (user_id, id)`,
    `create table flow_versions (
       flow text not null,
       version ${d.bigint} not null,
       definition text not null,
       setup text,
       by_admin ${d.bigint} not null,
       created_at ${d.bigint} not null,
       primary key (flow, version)
     )`,
    `create index subscriptions_by_flow on subscriptions (flow)`,
    `create table runs (
       id text primary key,
       flow text not null,
       version ${d.bigint} not null,
       user_id text,
       for_user text,
       status text not null,
       cause text not null,
       event text,
       connection text,
       trigger_data ${d.blob} not null,
       key_run text not null,
       replay_of text,
       error text,
       created_at ${d.bigint} not null,
       started_at ${d.bigint},
       wake_at ${d.bigint},
       finished_at ${d.bigint}
     )`,
    `create index runs_by_flow on runs (flow, id)`,
    `create index runs_by_user on runs (user_id, id)`,
    `create index runs_by_end on runs (finished_at)`,
    `create table run_steps (
       run text not null,
       step text not null,
       iteration ${d.bigint} not null,
       status text not null,
       input text,
       output text,
       state ${d.blob},
       error text,
       attempts ${d.bigint} not null,
       started_at ${d.bigint} not null,
       finished_at ${d.bigint},
       primary key (run, step, iteration)
     )`,
    `create table flow_templates (
       id text primary key,
       version text not null,
       template text not null,
       created_at ${d.bigint} not null,
       updated_at ${d.bigint} not null
     )`,
  ],
  (d) => [
    `create table syncs (
       id text primary key,
       user_id text not null,
       resource text not null,
       left_connection text not null,
       right_connection text not null,
       direction text not null,
       conflicts text not null,
       deletes text not null,
       fields text not null,
       every_seconds ${d.bigint},
       writes_per_minute ${d.bigint},
       phase text not null,
       status text not null,
       problem text,
       pulled ${d.bigint} not null,
       pushed ${d.bigint} not null,
       conflict_count ${d.bigint} not null,
       last_sync_at ${d.bigint},
       window_start ${d.bigint} not null,
       window_writes ${d.bigint} not null,
       created_at ${d.bigint} not null,
       updated_at ${d.bigint} not null
     )`,
    `create index syncs_by_user on syncs (user_id, id)`,
    `create table sync_links (
       id text primary key,
       sync text not null,
       left_id text,
       right_id text,
       state text not null,
       agreed text,
       left_fields text,
       right_fields text,
       left_written_at ${d.bigint},
       right_written_at ${d.bigint},
       error text,
       dirty ${d.bigint} not null,
       created_at ${d.bigint} not null,
       updated_at ${d.bigint} not null,
       unique (sync, left_id),
       unique (sync, right_id)
     )`,
    `create index sync_links_by_state on sync_links (sync, state, id)`,
    `create table sync_keys (
       sync text not null,
       side text not null,
       key text not null,
       link text not null,
       primary key (sync, side, key, link)
     )`,
    `create index sync_keys_by_link on sync_keys (link)`,
    `create table sync_conflicts (
       id text primary key,
       sync text not null,
       link text not null,
       left_id text,
       right_id text,
       fields text not null,
       winner text not null,
       created_at ${d.bigint} not null
     )`,
    `create index sync_conflicts_by_sync on sync_conflicts (sync, id)`,
  ],
  (d) => [...d.shared],
  (d) => [
    ...d.interruptions,
    renumberEvents,
    `create unique index events_by_sequence on events (subscription, sequence)`,
  ],
];
