import {
  confirmation,
  connectionChanges,
  connectionQuery,
  derivation,
  derivedQuery,
  connectionRemoval,
  newConnection,
  reconnection,
  type RemovalOptions,
} from "../../model/connection-input.ts";
import { routesOf, type Route } from "../../model/route.ts";
import { ref } from "../../model/schema.ts";
import type { Services } from "../services.ts";

const connection = routesOf<Services>().resource({
  path: "/v1/connections",
  name: "connection",
  tag: "connections",
});

export const connectionRoutes: Route[] = [
  connection.create(
    {
      summary: "Connects an account: by OAuth, or at once with credentials that are tested",
      answers: { description: "Pending with `authorizeUrl`, or active.", schema: ref("NewConnection") },
      problems: [404, 409, 422, 424, 502, 504],
    },
    newConnection,
    ({ services, body, scope }) => services.accounts.create(body, scope),
  ),
  connection.list({ summary: "Connections, oldest first" }, connectionQuery, ({ services, query, scope }) =>
    services.accounts.list(query, scope),
  ),
  connection.get(
    {
      summary: "A connection, with warnings of what may break it",
      answers: { description: "The connection.", schema: ref("ConnectionDetails") },
    },
    ({ services, scope }, id) => services.accounts.get(id, scope),
  ),
  connection.update(
    {
      summary: "Changes a connection's label, inputs or credentials, which are tested first",
      problems: [409, 422, 424, 502, 504],
    },
    connectionChanges,
    ({ services, body, scope }, id) => services.accounts.update(id, body, scope),
  ),
  {
    ...connection.remove<RemovalOptions>(
      {
        summary:
          "Deletes the connection and its subscriptions, ends what waits of it and what was derived from it, and revokes its grant unless another connection lives on it; its data is erased within 72 hours",
        answers: { description: "The connection is gone; its grant stays at the vendor.", schema: ref("Removal") },
      },
      async ({ services, query, scope }, id) => {
        const removal = await services.accounts.remove(id, query, scope);
        return removal.revoked === false ? removal : undefined;
      },
    ),
    query: connectionRemoval,
  },
  connection.post(
    "test",
    "testConnection",
    {
      summary: "Tests the credentials with a real request",
      answers: { description: "The credentials work.", schema: ref("Connection") },
      problems: [409, 422, 424, 502, 504],
    },
    ({ services, scope }, id) => services.accounts.test(id, scope),
  ),
  connection.post(
    "reconnect",
    "reconnectConnection",
    {
      summary: "Begins a new authorization of the same account; the connection keeps its id, subscriptions and cursors",
      body: reconnection,
      answers: { description: "Where to send the person.", schema: ref("Reconnection") },
      problems: [409],
    },
    ({ services, body, scope }, id) => services.accounts.reconnect(id, body, scope),
  ),
  connection.listPart(
    "derived",
    "listDerivedConnections",
    {
      summary: "What connections can be derived for: of an agency, its locations, as the vendor lists them now",
      schema: "DerivedConnection",
      problems: [409, 424, 502, 504],
    },
    derivedQuery,
    ({ services, query, scope }, id) => services.accounts.derived(id, query, scope),
  ),
  connection.post(
    "derived",
    "deriveConnections",
    {
      summary: "Derives connections, each with a token of its own that is asked for with this connection's",
      body: derivation,
      answers: { description: "What became of each.", schema: ref("Derivation") },
      problems: [409, 424, 502, 504],
    },
    ({ services, body, scope }, id) => services.accounts.derive(id, body, scope),
  ),
  connection.post(
    "confirm",
    "confirmConnection",
    {
      summary: "Makes the account active that was connected with `confirm`, for whoever began",
      body: confirmation,
      answers: { description: "The connection is active.", schema: ref("Connection") },
      problems: [409],
    },
    ({ services, body, scope }, id) => services.accounts.confirm(id, body, scope),
  ),
];
