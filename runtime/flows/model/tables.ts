import type { Dialect } from "../../store/schema.ts";

/** The tables of flows, as a list of migrations that only ever grows. A store of the first version has them already. */
export const flowTables: readonly ((d: Dialect) => string[])[] = [
  (d) => [
    `create table if not exists flows (
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
    `create index if not exists flows_by_user on flows (user_id, id)`,
    `create table if not exists flow_versions (
     flow text not null,
     version ${d.bigint} not null,
     definition text not null,
     setup text,
     by_admin ${d.bigint} not null,
     created_at ${d.bigint} not null,
     primary key (flow, version)
   )`,
    `create index if not exists subscriptions_by_flow on subscriptions (flow)`,
    `create table if not exists runs (
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
    `create index if not exists runs_by_flow on runs (flow, id)`,
    `create index if not exists runs_by_user on runs (user_id, id)`,
    `create index if not exists runs_by_end on runs (finished_at)`,
    `create table if not exists run_steps (
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
    `create table if not exists flow_templates (
     id text primary key,
     version text not null,
     template text not null,
     created_at ${d.bigint} not null,
     updated_at ${d.bigint} not null
   )`,
  ],
  () => [`alter table runs add column accounts text`],
  // Runs of the workspace's flows are found by the user they are about.
  () => [`create index runs_by_for_user on runs (for_user)`],
];
