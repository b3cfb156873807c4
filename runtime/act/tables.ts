import type { Dialect } from "../store/schema.ts";

/** The tables of this module, as a list of migrations that only ever grows. A store of the first version has them already. */
export const tables: readonly ((d: Dialect) => string[])[] = [
  (d) => [
    `create table if not exists idempotency (
       key text not null,
       scope text not null,
       request_hash text not null,
       status ${d.bigint},
       answer text,
       expires_at ${d.bigint} not null,
       primary key (scope, key)
     )`,
    `create table if not exists batches (
       id text primary key,
       connection text not null,
       user_id text not null,
       action text not null,
       status text not null,
       total ${d.bigint} not null,
       created_at ${d.bigint} not null,
       finished_at ${d.bigint}
     )`,
    `create index if not exists batches_by_end on batches (finished_at)`,
    `create index if not exists batches_by_user on batches (user_id, id)`,
    `create table if not exists batch_items (
       batch text not null,
       position ${d.bigint} not null,
       status text not null,
       input text not null,
       result text,
       primary key (batch, position)
     )`,
    `create index if not exists batch_items_by_status on batch_items (batch, status, position)`,
  ],
  (d) => [`alter table batches add column moves ${d.bigint}`],
  () => [
    `alter table idempotency add column user_id text`,
    `alter table idempotency add column connection text`,
    `create index idempotency_by_user on idempotency (user_id)`,
    `create index idempotency_by_connection on idempotency (connection)`,
  ],
];
