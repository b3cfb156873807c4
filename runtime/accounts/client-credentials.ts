import * as oauth from "oauth4webapi";
import type { ClientCredentialsAuthentication } from "../../schemas/manifest.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { tokenParams, tokenServer, type IssueNeeds } from "./issuing.ts";
import { clientProof, createTokenEndpoint, type TokenResponse } from "./token-endpoint.ts";

/** RFC 6749 §4.4, for the client of a connection or the operator's. */
export function issueToClient(
  { clientOf, ...needs }: IssueNeeds,
  method: ClientCredentialsAuthentication,
  row: ConnectionRow,
  given: Readonly<Record<string, string>>,
): Promise<TokenResponse> {
  const isOperators = method.client === "operator";
  const { clientId, clientSecret } = isOperators
    ? clientOf()
    : { clientId: given.clientId!, clientSecret: given.clientSecret };
  const { server, isInsecure } = tokenServer(needs, method.tokenUrl);
  const client: oauth.Client = { client_id: clientId };
  const proof = clientProof(method, clientSecret);
  const parameters = tokenParams(needs, row);
  const scopes = row.asked ?? Object.keys(method.scopes ?? {});
  if (scopes.length > 0) parameters.set("scope", scopes.join(" "));
  const owner = isOperators ? "operator" : "connection";
  const endpoint = createTokenEndpoint({ ...needs, connector: row.connector, isInsecure, owner });
  return endpoint.call(
    (settings) => oauth.clientCredentialsGrantRequest(server, client, proof, parameters, settings),
    (response) => oauth.processClientCredentialsResponse(server, client, response),
    { clientId, issuers: [server.issuer] },
  );
}
