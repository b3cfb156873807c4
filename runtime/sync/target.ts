import type { Target } from "../engine/module.ts";

/** A sync learns which record changed, once for all changes it has not looked at yet; it reads the record itself. */
export const syncTarget: Target = {
  prefix: "sync_",
  job: (sync, { connection, recordKey }) => ({
    queue: "sync",
    data: { sync, connection, record: recordKey },
    group: sync,
    unique: `${sync}:${connection}:${recordKey}`,
  }),
};
