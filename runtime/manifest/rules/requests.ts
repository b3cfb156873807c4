import type { Cursor, Pagination } from "../../../schemas/manifest.ts";
import type { Fault } from "../../core/errors.ts";
import { targetPath } from "../targets.ts";
import { unknownName, type Rule } from "./context.ts";

/** Requests are of the server's kind: googleapis methods without the API's name in front, or HTTP with a path. */
export const requestsFitTheServer: Rule = (context) => {
  const server = context.sound("server");
  if (!server) return [];
  return context.findings.requests.flatMap(({ request, pointer }) => {
    if ("url" in server) {
      return "path" in request
        ? []
        : [
            {
              pointer: `${pointer}/method`,
              message: `"${request.method}" is a googleapis method, but server.url speaks HTTP; give an HTTP method and a path`,
            },
          ];
    }
    const { api } = server.googleapis;
    if ("path" in request)
      return [
        {
          pointer: `${pointer}/method`,
          message: `is an HTTP request, but the server is googleapis; name one of its methods, such as people.connections.list`,
        },
      ];
    const [first, second, ...rest] = request.method.split(".");
    const doubled = first === api && (second === api || rest.length > 1);
    return doubled
      ? [
          {
            pointer: `${pointer}/method`,
            message: `"${request.method}" has the API's name in front; write "${request.method.slice(api.length + 1)}"`,
          },
        ]
      : [];
  });
};

/** What pages and cursors write into is a part that requests of the server have. */
export const targetsExist: Rule = (context) => {
  const server = context.sound("server");
  if (!server) return [];
  const legal = "url" in server ? ["query", "body", "headers"] : ["params", "body"];
  return context.streams.flatMap(({ value: { request, pagination, cursor }, pointer }) =>
    [...targetsOf(pagination, `${pointer}/pagination`), ...targetsOf(cursor, `${pointer}/cursor`)].flatMap(
      ({ target, at }) => {
        const [part] = targetPath(target);
        if (!legal.includes(part))
          return [
            {
              pointer: at,
              message: `"${target}" is not a place in a request of this server; a place begins with ${legal.join(", ")}`,
            },
          ];
        if (part === "body" && request.method === "GET")
          return [{ pointer: at, message: `"${target}" needs a body, which GET has not; use query or POST` }];
        return [];
      },
    ),
  );
};

function targetsOf(reader: Pagination | Cursor | undefined, pointer: string): { target: string; at: string }[] {
  if (!reader) return [];
  const to =
    "to" in reader && reader.to !== undefined
      ? [reader.to]
          .flat()
          .map((target, i) => ({ target, at: Array.isArray(reader.to) ? `${pointer}/to/${i}` : `${pointer}/to` }))
      : [];
  const from = reader.type === "window" ? [{ target: reader.from, at: `${pointer}/from` }] : [];
  const size =
    "pageSize" in reader && reader.pageSize ? [{ target: reader.pageSize.param, at: `${pointer}/pageSize/param` }] : [];
  return [...to, ...from, ...size];
}

/** What changed since a time is asked for, or found at the beginning of the list. */
export const timesHaveAPlace: Rule = ({ streams }) =>
  streams.flatMap(({ value: { cursor }, pointer }) =>
    cursor.type === "updatedSince" && cursor.to === undefined && cursor.order !== "descending"
      ? [
          {
            pointer: `${pointer}/cursor`,
            message: '"to" is required, the place of the time; only a list in "order": "descending" does without',
          },
        ]
      : [],
  );

/** A keyset has one place for all its values, or one for each. */
export const keysetsMatchTheirPlaces: Rule = ({ streams }) =>
  streams.flatMap(({ value: { pagination, cursor }, pointer }) => [
    ...(pagination?.type === "keyset"
      ? unequal(`${pointer}/pagination/to`, [pagination.from].flat(), pagination.to)
      : []),
    ...(cursor.type === "keyset" ? unequal(`${pointer}/cursor/to`, cursor.values, cursor.to) : []),
  ]);

function unequal(pointer: string, values: string[], to: string | string[]): Fault[] {
  if (!Array.isArray(to) || to.length === values.length) return [];
  return [
    {
      pointer,
      message: `has ${to.length} places for ${values.length} values; give one for each, or a single one for all`,
    },
  ];
}

/** Lists that are read one after the other share a cursor that means the same in all of them, or have one each. */
export const listsShareTheirCursor: Rule = ({ streams }) =>
  streams.flatMap(({ value: { each, cursor }, pointer }) => {
    const hasPer = "per" in cursor && cursor.per !== undefined;
    if (!each) {
      const message = "there is one list only; remove per, or say with each what there is a list of";
      return hasPer ? [{ pointer: `${pointer}/cursor/per`, message }] : [];
    }
    if (hasPer || ["updatedSince", "window", "snapshot"].includes(cursor.type)) return [];
    const remedy =
      cursor.type === "sequence" ? "use updatedSince, window or snapshot" : 'write "per": "item" in the cursor';
    return [{ pointer: `${pointer}/each`, message: `"${cursor.type}" is a place in one list; with each, ${remedy}` }];
  });

/** Compared reads make up for what increments do not show, and compare with what is still known. */
export const comparedReadsCanCompare: Rule = ({ streams }) =>
  streams.flatMap(({ value, pointer }) =>
    (["verifyEvery", "tombstones"] as const).flatMap((name) => {
      if (value[name] === undefined) return [];
      const { type } = value.cursor;
      const isWhole = type === "snapshot" || type === "window";
      const message = isWhole
        ? `every read with "${type}" is compared; remove ${name}`
        : type === "sequence"
          ? `"sequence" has no list of everything to compare; remove ${name}`
          : value.records.remember !== undefined
            ? "what records.remember forgets would be reported as created; remove one of the two"
            : undefined;
      return message === undefined ? [] : [{ pointer: `${pointer}/${name}`, message }];
    }),
  );

/** That a record is over is read from what is remembered of it. */
export const endsAreRemembered: Rule = ({ streams }) =>
  streams.flatMap(({ value: { ended, watch }, pointer }) =>
    ended !== undefined && watch === undefined
      ? [{ pointer: `${pointer}/ended`, message: "reads the watched values, and the stream has no watch; add one" }]
      : [],
  );

/** Only what is watched can stay as it was. */
export const whatStaysIsWatched: Rule = ({ streams }) =>
  streams.flatMap(({ value: { stays = [], watch = {} }, pointer }) =>
    stays.flatMap((name, n) => unknownName(`${pointer}/stays/${n}`, "watched value", name, Object.keys(watch))),
  );

/** One record has no pages. */
export const singleRecordsHaveNoPages: Rule = ({ streams }) =>
  streams.flatMap(({ value: { pagination, cursor }, pointer }) =>
    cursor.type === "snapshot" && cursor.single && pagination && pagination.type !== "none"
      ? [{ pointer: `${pointer}/pagination`, message: "a single record has no pages; remove pagination or single" }]
      : [],
  );

/** Stored state that became unusable has a way onward. */
export const raisedVersionsMigrate: Rule = ({ streams }) =>
  streams.flatMap(({ value, pointer }) =>
    (value.cursorVersion ?? 1) > 1 && !value.migrate
      ? [
          {
            pointer: `${pointer}/migrate`,
            message: 'is required when cursorVersion is raised: "rebaseline", "resync" or "keep"',
          },
        ]
      : [],
  );

/** Steps have their own ids, read answers of earlier steps only, and go back only to themselves or earlier ones. */
export const stepsLookBackwards: Rule = ({ actions }) =>
  actions.flatMap(({ value: { steps = [] }, pointer }) =>
    steps.flatMap((step, i) => {
      const at = `${pointer}/steps/${i}`;
      const earlier = steps.slice(0, i).map(({ id }) => id);
      const named = [...JSON.stringify([step.request, step.when ?? ""]).matchAll(/(?<![\w.])\$?steps\.(\w+)/g)].map(
        ([, id = ""]) => id,
      );
      return [
        ...(earlier.includes(step.id)
          ? [{ pointer: `${at}/id`, message: `"${step.id}" is the id of an earlier step; give another` }]
          : []),
        ...[...new Set(named)]
          .filter((id) => !earlier.includes(id))
          .map((id) => ({ pointer: `${at}/request`, message: notEarlier(id, earlier) })),
        ...(step.retry && ![...earlier, step.id].includes(step.retry.from)
          ? [{ pointer: `${at}/retry/from`, message: notEarlier(step.retry.from, [...earlier, step.id]) }]
          : []),
      ];
    }),
  );

function notEarlier(id: string, earlier: string[]): string {
  return `"${id}" is not an earlier step; there ${earlier.length === 0 ? "are none" : `is ${earlier.join(", ")}`}`;
}
