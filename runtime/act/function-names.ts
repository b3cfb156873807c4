import { hash } from "node:crypto";
import type { ConnectionView } from "../model/connections.ts";

/** The longest function name that every model provider accepts. */
const LONGEST_NAME = 64;
/** Characters of the end of a connection's id, which is random. */
const SHORTEST_SUFFIX = 6;

export interface NamedConnection {
  connection: ConnectionView;
  /** The function's name of an action of this connection. */
  nameOf: (action: string) => string;
}

/**
 * Names the functions of a user's connections. With several connections of one connector, each name ends in a part of the
 * connection's id, so that no name passes from one account to another while both are connected.
 */
export function nameFunctions(connections: readonly ConnectionView[]): NamedConnection[] {
  const byConnector = Map.groupBy(connections, ({ connector }) => connector);
  return connections.map((connection) => {
    const suffix = suffixOf(connection, byConnector.get(connection.connector)!);
    return { connection, nameOf: (action) => shorten(`${connection.connector}-${action}`, suffix) };
  });
}

/** The shortest end of the id that differs from those of the others. */
function suffixOf({ id }: ConnectionView, siblings: readonly ConnectionView[]): string {
  if (siblings.length === 1) return "";
  let length = SHORTEST_SUFFIX;
  while (siblings.filter((other) => other.id.endsWith(id.slice(-length))).length > 1) length++;
  return `-${id.slice(-length)}`;
}

/** A name that is too long ends in a hash of itself. */
function shorten(name: string, suffix: string): string {
  const room = LONGEST_NAME - suffix.length;
  if (name.length <= room) return name + suffix;
  const mark = `-${hash("sha256", name, "hex").slice(0, 8)}`;
  return name.slice(0, room - mark.length) + mark + suffix;
}
