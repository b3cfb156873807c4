import type { Module } from "../engine/module.ts";

/** The tables of syncs; a store of the first version has those of the first migration already. */
export const tables: Module<never, never>["tables"] = [
  (d) => [
    `create table if not exists syncs (
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
    `create index if not exists syncs_by_user on syncs (user_id, id)`,
    `create table if not exists sync_links (
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
    `create index if not exists sync_links_by_state on sync_links (sync, state, id)`,
    `create table if not exists sync_keys (
       sync text not null,
       side text not null,
       key text not null,
       link text not null,
       primary key (sync, side, key, link)
     )`,
    `create index if not exists sync_keys_by_link on sync_keys (link)`,
    `create table if not exists sync_conflicts (
       id text primary key,
       sync text not null,
       link text not null,
       left_id text,
       right_id text,
       fields text not null,
       winner text not null,
       created_at ${d.bigint} not null
     )`,
    `create index if not exists sync_conflicts_by_sync on sync_conflicts (sync, id)`,
  ],
  () => [
    `create index if not exists syncs_by_left on syncs (left_connection)`,
    `create index if not exists syncs_by_right on syncs (right_connection)`,
    `create index if not exists sync_links_by_sync on sync_links (sync, id)`,
  ],
];
