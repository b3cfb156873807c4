import type { SideStatus, SyncInput, SyncStatus, SyncUpdate } from "../../sync/syncs.ts";
import type { LinkRecord, LinkState } from "../../sync/model/links.ts";
import type { ConflictRecord } from "../../sync/model/conflicts.ts";
import { cutPage, pageOf, pageQuery, readPage, type PageQuery } from "../compat.ts";
import { userNamed } from "../compat.ts";
import { scopeOf } from "../../model/principal.ts";
import { created, noContent, ok, userRoute, type Route } from "../compat.ts";
import { name, object, oneOf, pageSchema, ref, text } from "../../model/schema.ts";
import { newSync, syncChanges } from "../schemas/syncs.ts";
import { isoTime } from "../view.ts";

const tag = "syncs";
const params = { id: "Id of the sync" };
const sync = { 200: { description: "The sync.", schema: ref("Sync") } };

export const syncRoutes: Route[] = [
  userRoute<SyncInput & { dryRun?: boolean }>({
    method: "post",
    path: "/v1/syncs",
    operationId: "createSync",
    summary: "Keeps two connections alike, or says with `dryRun` what that would do first",
    tag,
    body: newSync,
    responses: {
      200: { description: "With `dryRun`: what would be done.", schema: ref("SyncDryRun") },
      201: { description: "The sync.", schema: ref("Sync") },
    },
    problems: [404, 424, 429, 502, 504],
    handler: async ({ services, principal, body: { dryRun, ...given }, base }) => {
      if (principal.role === "user") {
        for (const side of [given.left, given.right]) await services.accounts.get(side, scopeOf(principal));
      }
      if (dryRun) return ok(await services.syncs.preview(given));
      const made = await services.syncs.create(given);
      return created(`${base}/v1/syncs/${made.id}`, syncView(made));
    },
  }),
  userRoute<unknown, PageQuery & { user?: string; connection?: string }>({
    method: "get",
    path: "/v1/syncs",
    operationId: "listSyncs",
    summary: "Syncs, oldest first",
    tag,
    query: { ...pageQuery, user: name("Only this user's."), connection: name("Only of this connection.") },
    responses: { 200: { description: "A page.", schema: pageSchema("Sync") } },
    handler: async ({ services, principal, query: { limit, cursor, user, connection } }) => {
      const page = readPage({ limit, cursor });
      const filter = { connection, user: userNamed(principal, user) };
      const { data, nextCursor } = cutPage(await services.syncs.list(filter, page.cursor, page.limit + 1), page.limit);
      return ok(pageOf({ data: data.map(syncView), nextCursor }));
    },
  }),
  userRoute({
    method: "get",
    path: "/v1/syncs/{id}",
    operationId: "getSync",
    summary: "A sync and how it fares",
    tag,
    params,
    responses: sync,
    handler: async ({ services, principal, params }) =>
      ok(syncView(await services.syncs.get(params["id"]!, scopeOf(principal).user))),
  }),
  userRoute<SyncUpdate>({
    method: "patch",
    path: "/v1/syncs/{id}",
    operationId: "updateSync",
    summary: "Changes what becomes of later changes",
    tag,
    params,
    body: syncChanges,
    responses: sync,
    handler: async ({ services, principal, params, body }) =>
      ok(syncView(await services.syncs.update(params["id"]!, body, scopeOf(principal).user))),
  }),
  userRoute({
    method: "delete",
    path: "/v1/syncs/{id}",
    operationId: "deleteSync",
    summary: "Ends a sync; what it has written stays",
    tag,
    params,
    responses: { 204: { description: "It is gone." } },
    handler: async ({ services, principal, params }) => {
      await services.syncs.remove(params["id"]!, scopeOf(principal).user);
      return noContent;
    },
  }),
  userRoute({
    method: "post",
    path: "/v1/syncs/{id}/run",
    operationId: "runSync",
    summary: "Reads both sides as soon as slots are free, and tries again what failed",
    tag,
    params,
    responses: { 202: { description: "It is planned.", schema: object("Which.", { id: text("Id of the sync.") }) } },
    problems: [409],
    handler: async ({ services, principal, params }) => {
      await services.syncs.run(params["id"]!, scopeOf(principal).user);
      return { status: 202, body: { id: params["id"]! } };
    },
  }),
  userRoute({
    method: "post",
    path: "/v1/syncs/{id}/pause",
    operationId: "pauseSync",
    summary: "Writes nothing until it is resumed; changes are noted",
    tag,
    params,
    responses: sync,
    handler: async ({ services, principal, params }) =>
      ok(syncView(await services.syncs.pause(params["id"]!, scopeOf(principal).user))),
  }),
  userRoute({
    method: "post",
    path: "/v1/syncs/{id}/resume",
    operationId: "resumeSync",
    summary: "Brings over what changed meanwhile, and goes on",
    tag,
    params,
    responses: sync,
    problems: [409],
    handler: async ({ services, principal, params }) =>
      ok(syncView(await services.syncs.resume(params["id"]!, scopeOf(principal).user))),
  }),
  userRoute<unknown, PageQuery & { state?: LinkState; failed?: "true" | "false" }>({
    method: "get",
    path: "/v1/syncs/{id}/links",
    operationId: "listSyncLinks",
    summary: "What is linked with what, oldest first",
    tag,
    params,
    query: {
      ...pageQuery,
      state: oneOf(["new", "synced", "creating", "alone", "detached"], "Only those in this state."),
      failed: oneOf(["true", "false"], "`true`: only those that could not be brought over."),
    },
    responses: { 200: { description: "A page.", schema: pageSchema("SyncLink") } },
    handler: async ({ services, principal, params, query: { limit, cursor, state, failed } }) => {
      const page = readPage({ limit, cursor });
      const filter = { state, failed: failed === "true" };
      const { user } = scopeOf(principal);
      const found = await services.syncs.links(params["id"]!, filter, page.cursor, page.limit + 1, user);
      const { data, nextCursor } = cutPage(found, page.limit);
      return ok(pageOf({ data: data.map(linkView), nextCursor }));
    },
  }),
  userRoute<unknown, PageQuery>({
    method: "get",
    path: "/v1/syncs/{id}/conflicts",
    operationId: "listSyncConflicts",
    summary: "What both sides changed in their own ways, newest first",
    tag,
    params,
    query: pageQuery,
    responses: { 200: { description: "A page.", schema: pageSchema("SyncConflict") } },
    handler: async ({ services, principal, params, query }) => {
      const page = readPage(query);
      const { user } = scopeOf(principal);
      const found = await services.syncs.conflicts(params["id"]!, page.cursor, page.limit + 1, user);
      const { data, nextCursor } = cutPage(found, page.limit);
      return ok(pageOf({ data: data.map(conflictView), nextCursor }));
    },
  }),
];

function syncView(one: SyncStatus): object {
  const { phase, status, problem, sides } = one;
  return {
    id: one.id,
    user: one.user,
    resource: one.resource,
    direction: one.direction,
    conflicts: one.conflicts,
    deletes: one.deletes,
    fields: one.fields,
    everySeconds: one.everySeconds,
    writesPerMinute: one.writesPerMinute,
    enabled: one.enabled,
    status: status === "paused" ? "paused" : phase === "matching" ? "matching" : "active",
    problem: problem && { ...problem, at: isoTime(problem.at) },
    left: sideView(sides.left),
    right: sideView(sides.right),
    lastSyncAt: isoTime(one.lastSyncAt),
    pulled: one.pulled,
    pushed: one.pushed,
    conflictCount: one.conflictCount,
    links: one.links,
    createdAt: isoTime(one.createdAt),
    updatedAt: isoTime(one.updatedAt),
  };
}

function sideView({ cursor, lastError, ...side }: SideStatus): object {
  return {
    ...side,
    lastReadAt: isoTime(side.lastReadAt),
    nextReadAt: isoTime(side.nextReadAt),
    syncToken: { known: cursor.known, since: isoTime(cursor.since) },
    lastError: lastError && { ...lastError, at: isoTime(lastError.at) },
  };
}

function linkView({
  id,
  leftId,
  rightId,
  state,
  agreed,
  left,
  right,
  error,
  createdAt,
  updatedAt,
}: LinkRecord): object {
  const times = { createdAt: isoTime(createdAt), updatedAt: isoTime(updatedAt) };
  const shown = error && { ...error, at: isoTime(error.at) };
  return { id, leftId, rightId, state, agreed, left, right, error: shown, ...times };
}

function conflictView({ id, link, leftId, rightId, winner, fields, createdAt }: ConflictRecord): object {
  return { id, link, leftId, rightId, winner, fields, createdAt: isoTime(createdAt) };
}
