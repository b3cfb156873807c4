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
  /** Makes a rate that is not whole fit into its column, where the first schema gave it too narrow a type. */
  fractions: readonly string[];
  /** Has events that a process of an earlier version stores meanwhile placed by time. */
  positions: readonly string[];
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
  ],
  // Two that once made the tables of modules, which see to their own now.
  () => [],
  () => [],
  (d) => [...d.shared],
  (d) => [
    ...d.interruptions,
    renumberEvents,
    `create unique index events_by_sequence on events (subscription, sequence)`,
  ],
  (d) => [...d.fractions],
  (d) => [
    `create table parked_events (id text primary key, target text not null)`,
    `alter table streams add column doubt text`,
    `alter table streams add column deletions_accepted_at ${d.bigint}`,
  ],
  () => [
    `alter table connections add column account text`,
    nameAccounts,
    `drop index connections_by_account`,
    `create index connections_by_account on connections (connector, account)`,
  ],
  (d) => [
    `alter table streams add column refusals ${d.bigint} not null default 0`,
    `alter table streams add column verified_at ${d.bigint}`,
    `alter table known add column item text`,
  ],
  () => [
    `alter table known add column gone text`,
    `create index known_by_gone on known (stream, key) where gone is not null`,
  ],
  (d) => [
    `create table quarantine (
       stream ${d.bigint} not null,
       key text not null,
       record text not null,
       listed_by text not null,
       tries ${d.bigint} not null,
       set_aside ${d.bigint} not null,
       error text not null,
       failed_at ${d.bigint} not null,
       primary key (stream, key)
     )`,
    `create index quarantine_by_failure on quarantine (stream, failed_at, key)`,
    `alter table streams add column quarantined ${d.bigint} not null default 0`,
  ],
  (d) => [
    `alter table streams add column expected_since ${d.bigint} not null default 0`,
    `update streams set expected_since = coalesce((select min(created_at) from subscriptions where stream = streams.id), 0)`,
    `alter table streams add column watch_at ${d.bigint} not null default 0`,
    `create index streams_by_watch on streams (watch_at)`,
    `alter table streams add column last_event_at ${d.bigint}`,
    `alter table streams add column longest_quiet_ms ${d.bigint} not null default 0`,
  ],
  (d) => [
    `create table tellings (
       stream ${d.bigint} not null,
       key text not null,
       count ${d.bigint} not null,
       told_at ${d.bigint} not null,
       primary key (stream, key)
     ) ${d.clustered}`,
    ...d.partitions("tellings"),
    `alter table subscriptions add column moves ${d.bigint} not null default 0`,
    // The ids so far grew with time, and stay.
    `alter table events add column position text not null default ''`,
    `update events set position = 'pos_' || substr(id, 5)`,
    ...d.positions,
    `create unique index events_by_position on events (position)`,
    `drop index events_by_record`,
    `drop index events_by_connection`,
    `create index events_by_record on events (stream, record_key, position)`,
    `create index events_by_connection on events (connection, position)`,
    `alter table parked_events add column position text not null default ''`,
    `update parked_events set position = 'pos_' || substr(id, 5)`,
    `create index parked_events_by_position on parked_events (position)`,
  ],
  (d) => [
    `alter table oauth_states add column tries ${d.bigint}`,
    `create index oauth_states_by_connection on oauth_states (connection)`,
    `create index oauth_states_by_end on oauth_states (expires_at)`,
  ],
  (d) => [
    `alter table connections add column proofs ${d.blob}`,
    `alter table connections add column moves ${d.bigint}`,
    `alter table connections add column test_at ${d.bigint}`,
    `alter table connections add column test_until ${d.bigint}`,
    `create index connections_by_test on connections (test_at) where test_at is not null`,
    `drop index connections_by_account`,
    `create table connection_grants (
       connection text not null,
       name text not null,
       hash text not null,
       place ${d.bigint} not null,
       primary key (connection, name)
     )`,
    `create index connection_grants_by_hash on connection_grants (hash)`,
  ],
  (d) => [`alter table subscriptions add column paused_from ${d.bigint}`],
  () => [`alter table connections add column asked text`],
  (d) => [
    `create table held_grants (
       state text not null,
       name text not null,
       hash text not null,
       place ${d.bigint} not null,
       primary key (state, name)
     )`,
    `create index held_grants_by_hash on held_grants (hash)`,
  ],
  () => [`alter table connections add column refused text`],
  () => [`alter table streams add column missed text`],
  () => [`alter table known add column left_out text`],
  // What is written with each change has an index only where it is rare.
  () => [
    `create index subscriptions_by_connection on subscriptions (connection, id)`,
    `create index subscriptions_by_endpoint on subscriptions (endpoint, id) where endpoint is not null`,
    `create index subscriptions_by_trigger on subscriptions (trigger_name, id)`,
    `create index deliveries_by_loss on deliveries (status, id) where status in ('dead', 'cancelled')`,
  ],
  (d) => [
    `alter table connections add column parent text`,
    `alter table connections add column parent_moves ${d.bigint}`,
    `alter table connections add column derived text`,
    `create index connections_by_parent on connections (parent, id) where parent is not null`,
    `create index connections_derived on connections (status, id) where parent is not null`,
    `create unique index connections_by_derived on connections (derived, user_id) where derived is not null`,
  ],
  (d) => [
    `create table user_generations (
       user_hash text primary key,
       generation text not null,
       changed_at ${d.bigint} not null
     )`,
    `create index user_generations_by_change on user_generations (changed_at)`,
  ],
  (d) => [
    `create table erasures (
       id text primary key,
       user_id text,
       connection text,
       stage text not null,
       due_at ${d.bigint} not null,
       created_at ${d.bigint} not null
     )`,
    `create index erasures_by_time on erasures (due_at)`,
    `create index erasures_by_user on erasures (user_id)`,
    `create table leftovers (kind text not null, id text not null, primary key (kind, id))`,
    `create table revocations (
       id text primary key,
       connector text not null,
       sealed ${d.blob} not null,
       created_at ${d.bigint} not null
     )`,
    `create index revocations_by_time on revocations (created_at)`,
    `create index events_by_user on events (user_id, position)`,
  ],
];

/** The account of a connection stood among its captured values, where no index finds it. */
async function nameAccounts(tx: Tx): Promise<void> {
  for (const { id, captured } of await tx.all<{ id: string; captured: string }>(
    "select id, captured from connections",
  )) {
    const { account } = JSON.parse(captured) as { account?: string };
    if (account !== undefined) await tx.run("update connections set account = ? where id = ?", [account, id]);
  }
}
