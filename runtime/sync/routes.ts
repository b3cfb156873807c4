import { isObject } from "../core/json.ts";
import { created, ok, routesOf, type Route } from "../model/route.ts";
import { object, ref, text } from "../model/schema.ts";
import { conflictQuery } from "./model/conflicts.ts";
import { linkQuery } from "./model/links.ts";
import { newSync, syncChanges, syncQuery } from "./model/syncs.ts";
import type { SyncServices } from "./syncs.ts";

const tag = "syncs";
const path = "/v1/syncs";
const { resource, userRoute } = routesOf<SyncServices>();
const sync = resource({ path, name: "sync", tag });

export const syncRoutes: Route[] = [
  userRoute<Parameters<SyncServices["syncs"]["create"]>[0]>({
    method: "post",
    path,
    operationId: "createSync",
    summary: "Keeps two connections alike, or shows with `dryRun` what would be done first",
    tag,
    body: newSync,
    responses: {
      200: { description: "With `dryRun`: what would be done first.", schema: ref("SyncDryRun") },
      201: { description: "The new sync.", schema: ref("Sync") },
    },
    problems: [404, 424, 429, 502, 504],
    handler: async ({ services: { syncs }, body, scope, base }) => {
      if (isObject(body) && body.dryRun === true) return ok(await syncs.preview(body, scope));
      const made = await syncs.create(body, scope);
      return created(`${base}${path}/${made.id}`, made);
    },
  }),
  sync.list({ summary: "Syncs, oldest first" }, syncQuery, ({ services, query, scope }) =>
    services.syncs.list(query, scope),
  ),
  sync.get({ summary: "A sync, with the state of both sides and of its links" }, ({ services, scope }, id) =>
    services.syncs.get(id, scope),
  ),
  sync.update(
    { summary: "Changes how later changes are handled", problems: [403] },
    syncChanges,
    ({ services, body, scope }, id) => services.syncs.update(id, body, scope),
  ),
  sync.remove({ summary: "Ends a sync; what it has written stays" }, ({ services, scope }, id) =>
    services.syncs.remove(id, scope),
  ),
  sync.post(
    "run",
    "runSync",
    {
      summary: "Reads both sides as soon as there are slots, and tries again what failed",
      status: 202,
      answers: {
        description: "Both sides will be read.",
        schema: object("The sync.", { id: text("Id of the sync.") }),
      },
      problems: [409],
    },
    ({ services, scope }, id) => services.syncs.run(id, scope),
  ),
  sync.post(
    "pause",
    "pauseSync",
    { summary: "Stops writing until the sync is resumed; changes are remembered" },
    ({ services, scope }, id) => services.syncs.pause(id, scope),
  ),
  sync.post(
    "resume",
    "resumeSync",
    { summary: "Writes what changed while the sync was paused, and continues", problems: [409] },
    ({ services, scope }, id) => services.syncs.resume(id, scope),
  ),
  sync.listPart(
    "links",
    "listSyncLinks",
    { summary: "Which records are linked with each other, oldest first", schema: "SyncLink" },
    linkQuery,
    ({ services, query, scope }, id) => services.syncs.links(id, query, scope),
  ),
  sync.listPart(
    "conflicts",
    "listSyncConflicts",
    { summary: "What both sides changed in different ways, newest first", schema: "SyncConflict" },
    conflictQuery,
    ({ services, query, scope }, id) => services.syncs.conflicts(id, query, scope),
  ),
];
