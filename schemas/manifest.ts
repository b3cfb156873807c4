// Generated from manifest.schema.json by schemas/generate.ts; do not edit.

/**
 * How people see it in a list.
 */
export type Title = string;
/**
 * One or two sentences of help, in plain words.
 */
export type Description = string;
/**
 * Where requests go and through which transport.
 */
export type Server = GoogleServer | HttpServer;
/**
 * How a connection proves who it is.
 */
export type Authentication = AuthenticationMethod | AuthenticationChoice;
/**
 * One way of authentication.
 */
export type AuthenticationMethod =
  | Oauth2Authentication
  | BearerAuthentication
  | ApiKeyAuthentication
  | BasicAuthentication
  | CustomAuthentication
  | ClientCredentialsAuthentication
  | SessionAuthentication
  | JwtBearerAuthentication
  | NoAuthentication;
/**
 * OAuth scopes needed, all of them; of a list inside, one is enough, and the one that allows least stands first: it is asked for when none of the others is. Each is declared in the authentication.
 */
export type Scopes = (string | string[])[];
/**
 * How requests to the token URL are written; form, as the standard has it, when not given.
 */
export type TokenRequest = "form" | "json";
/**
 * Where a value is: a root, and for bodies and records a JSON Pointer after #.
 */
export type RuntimeExpression = string;
/**
 * How many seconds a token is good for: a number that the vendor documents, where the answer says it, or the first of a list that is there. Where nothing says it, a token is used until the vendor refuses it.
 */
export type ExpiresIn = number | RuntimeExpression | (number | RuntimeExpression)[];
/**
 * Where the answer says at what time a token ends: RFC 3339, or seconds or milliseconds since 1970. It goes before `expiresIn`.
 */
export type ExpiresAt = RuntimeExpression;
/**
 * What stands between scopes; a space, as the standard has it, when not given.
 */
export type ScopeSeparator = " " | "," | ";" | "|";
/**
 * One request: an HTTP verb and path, or a googleapis method; which one follows from the server.
 */
export type ConnectorRequest = HttpRequest | GoogleRequest;
/**
 * Any JSON: {"$expr"} is computed, a runtime expression gives its value, {$…} inside text is filled in, everything else is literal; a property without a value is left out.
 */
export type Template = unknown;
/**
 * How the account is called, from the test's answer or the connection.
 */
export type Label = string;
/**
 * What proves which account it is, best proof first: the vendor's own keys, which no renaming changes; never what people choose. A reconnect may bring no other account. Without it, reconnecting rests on the label and on records that are known, and fails closed.
 */
export type Account = Proofs;
/**
 * Where a value is, or how it is computed.
 */
export type ValueExpression = RuntimeExpression | Reshape;
/**
 * A JMESPath expression.
 */
export type Jmespath = string;
/**
 * What proves whose grant it is, over all connectors of one `vendor`: the grant is revoked with the last connection that holds it. A proof has the same name and the same value in each of them.
 */
export type Grant = Proofs;
/**
 * How the vendor's tokens and keys begin, so that one is removed from logs, errors and attempt records even where it was never seen before.
 *
 * @maxItems 20
 */
export type TokenPrefixes = string[];
/**
 * How the next page is asked for; none when not given.
 */
export type Pagination =
  NoPagination | TokenPagination | LinkPagination | PagePagination | OffsetPagination | KeysetPagination;
/**
 * The place in the request a value is put: params (googleapis), query, body or headers, then a dot path, or # and a JSON Pointer for names with other characters and places in lists.
 */
export type Target = string;
/**
 * What ends the pages: the next value is missing, the page is empty, the page is shorter than its size, or a condition over {status, headers, body}. When not given, the type's own: missing for token and link, empty for the others.
 */
export type Stop = ("missing" | "empty" | "short") | StopCondition;
/**
 * Pages read in one poll at most; the next poll continues there. 1000 when not given.
 */
export type MaxPages = number;
/**
 * JSON Pointer (RFC 6901) into a record.
 */
export type Pointer = string;
/**
 * A place in the body, a header or a cookie of an answer.
 */
export type SessionToken = string;
/**
 * What an error means, and so what is done about it.
 */
export type ErrorClass =
  | "authExpired"
  | "authRevoked"
  | "scopeMissing"
  | "rateLimited"
  | "quotaExceeded"
  | "serverError"
  | "network"
  | "timeout"
  | "cursorExpired"
  | "notFound"
  | "conflict"
  | "invalidInput"
  | "unknown";
/**
 * parent: a derived connection sends it with the credentials of the one it was derived from, which takes the requirement and the scopes upon itself; any other sends it with its own. What `derive.values` reads of $derived stays that of the derived connection, and cannot be given as input.
 */
export type As = "parent";
/**
 * An ISO 8601 duration of weeks, days, hours, minutes and seconds.
 */
export type Duration = string;
/**
 * How the next poll knows where the last one ended.
 */
export type Cursor =
  SyncTokenCursor | SequenceCursor | UpdatedSinceCursor | KeysetCursor | WindowCursor | SnapshotCursor;
/**
 * What is written before there is a cursor, and to read everything, for vendors that always want a value.
 */
export type CursorInitial = string | number;
/**
 * With each: every item has a cursor of its own. The list of an item that appears later is then read as a whole, and one that vanishes leads to a compared read.
 */
export type CursorPer = "item";
/**
 * Seconds read again each time, for changes that appear late; 0 when not given.
 */
export type OverlapSeconds = number;
/**
 * Seconds before now that are left for the next poll, because the vendor may still write into them; 0 when not given.
 */
export type SettleSeconds = number;
/**
 * How the vendor writes times; rfc3339 when not given.
 */
export type TimeFormat = "rfc3339" | "epochMillis" | "epochSeconds";
/**
 * Errors after which the step counts as done: what is deleted already cannot be found. Its answer then has a status and no body.
 *
 * @minItems 1
 */
export type Accept = ErrorClass[];
/**
 * Which change fires: of the record, or of one watched value.
 */
export type Change = ("created" | "updated" | "deleted" | "any") | AddedChange | RemovedChange | ChangedChange;

/**
 * Everything about one connector, as data. This is the bundled form: before bundling any object may be {"$ref": "file.json#/pointer"}.
 */
export interface Manifest {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * Version of the manifest language.
   */
  manifestVersion: 1;
  /**
   * The connector's unique name in kebab-case.
   */
  name: string;
  /**
   * Semantic version of this manifest.
   */
  version: string;
  title: Title;
  description?: Description;
  /**
   * Where the vendor documents the API.
   */
  documentation?: string;
  /**
   * An SVG beside the manifest.
   */
  icon?: string;
  /**
   * Words by which a list of connectors is filtered.
   */
  categories?: string[];
  server: Server;
  /**
   * Every host a request of this connector may go to; a leading *. stands for any subdomain, {name} for the input of a connection of that name, alone for a host that the operator allows in `servers`.
   *
   * @minItems 1
   */
  allowedHosts: string[];
  authentication: Authentication;
  /**
   * How much the vendor allows; all of them hold at once.
   */
  rateLimits?: RateLimit[];
  /**
   * Which answers mean what; the first that matches wins, then the defaults by status.
   */
  errors?: ErrorMatcher[];
  /**
   * Lists and records that are read repeatedly, by key.
   */
  streams?: {
    [k: string]: Stream;
  };
  /**
   * Kinds of change people can subscribe to, by key.
   */
  triggers?: {
    [k: string]: Trigger;
  };
  /**
   * Operations at the vendor, by key.
   */
  actions?: {
    [k: string]: Action;
  };
  /**
   * Common things two-way sync can use, by type.
   */
  resources?: {
    [k: string]: Resource;
  };
  /**
   * Flow templates beside the manifest, as relative paths; * stands for any file name.
   */
  flows?: string[];
}
/**
 * A Google API through the googleapis package.
 */
export interface GoogleServer {
  /**
   * Which Google API.
   */
  googleapis: {
    /**
     * Name of the API in googleapis.
     */
    api: string;
    /**
     * Version of the API in googleapis.
     */
    version: string;
  };
}
/**
 * A plain HTTP API.
 */
export interface HttpServer {
  /**
   * Base URL that every path is appended to; {name} in its host is the input of a connection.
   */
  url: string;
  /**
   * Headers of every request; may use $connection.
   */
  headers?: {
    [k: string]: string;
  };
}
/**
 * OAuth 2.0 authorization code (RFC 6749).
 */
export interface Oauth2Authentication {
  /**
   * OAuth 2.0.
   */
  type: "oauth2";
  title?: Title;
  description?: Description;
  /**
   * Where the person grants access.
   */
  authorizationUrl: string;
  /**
   * Where codes and refresh tokens become access tokens.
   */
  tokenUrl: string;
  /**
   * Where refresh tokens become access tokens, where that is not `tokenUrl`.
   */
  refreshUrl?: string;
  /**
   * Where a grant is given back (RFC 7009).
   */
  revokeUrl?: string;
  /**
   * Proof key (RFC 7636); S256 when not given.
   */
  pkce?: "S256" | false;
  /**
   * Further parameters of the authorization URL.
   */
  authorizationParams?: {
    [k: string]: string;
  };
  /**
   * Further parameters of every token request.
   */
  tokenParams?: {
    [k: string]: string;
  };
  /**
   * How the client proves itself at the token URL; body when not given.
   */
  clientAuthentication?: "body" | "basic";
  /**
   * Every scope the connector may ask for, with its meaning in one line; empty where the vendor knows none.
   */
  scopes: {
    [k: string]: string;
  };
  /**
   * What is asked of every person, whatever the connection is for: the scopes that show which account it is, and that the test needs. Of a list inside, one that is asked anyway is enough; without any, the first is asked. Left out, connecting is taken to need every scope.
   */
  connectScopes?: Scopes;
  /**
   * How access tokens are renewed.
   */
  refresh?: {
    /**
     * Seconds before its end at which a token is renewed; 300 when not given.
     */
    marginSeconds?: number;
    /**
     * Whether every renewal gives a new refresh token and voids the old one. Then a renewal whose answer is lost is not repeated, and a person has to reconnect, unless `reuseGraceSeconds` allows one more call.
     */
    rotates?: boolean;
    /**
     * Seconds after its first use in which the vendor answers once more to a refresh token that rotates. Left out when the vendor takes each only once.
     */
    reuseGraceSeconds?: number;
    /**
     * Days after which the vendor ends a refresh token that was not used. People are warned 30 days before, or at half of a shorter time. Left out when the vendor keeps unused tokens.
     */
    unusedDays?: number;
    /**
     * Most live refresh tokens of one account and one OAuth client; beyond them the vendor ends the oldest. People are warned from nine tenths of them on. Left out when the vendor has no such limit.
     */
    maxPerAccount?: number;
  };
  tokenRequest?: TokenRequest;
  tokenAnswer?: TokenAnswer;
  parameterNames?: ParameterNames;
  scopeSeparator?: ScopeSeparator;
  present?: Present;
  capture?: Capture;
  connectionInput?: ConnectionInput;
  test?: ConnectorRequest;
  label?: Label;
  account?: Account;
  grant?: Grant;
  /**
   * Whose OAuth client it is, where several connectors share one: all that a person granted to that client is one grant, and ends as one. Default the connector alone.
   */
  vendor?: string;
  /**
   * Further parameters of the authorization URL when a connection is reconnected; they go before `authorizationParams`. One without a value is left out.
   */
  reconnectParams?: {
    [k: string]: Template;
  };
  tokenPrefixes?: TokenPrefixes;
  derive?: Derive;
}
/**
 * Where the token answer has what the standard has elsewhere. What is declared is found there or not at all; an answer without an access token is an error.
 */
export interface TokenAnswer {
  /**
   * Where the access token is.
   */
  accessToken?: RuntimeExpression;
  /**
   * Where the refresh token is.
   */
  refreshToken?: RuntimeExpression;
  /**
   * Where the granted scopes are, a text or a list.
   */
  scope?: RuntimeExpression;
  expiresIn?: ExpiresIn;
  expiresAt?: ExpiresAt;
}
/**
 * What the vendor calls parameters that the standard names otherwise, in the authorization URL and in token requests.
 */
export interface ParameterNames {
  [k: string]: string;
}
/**
 * Where each request carries what proves the connection. An expression alone that has no value leaves its place out.
 */
export interface Present {
  /**
   * Headers, by name.
   */
  headers?: {
    [k: string]: string;
  };
  /**
   * Query parameters, by name.
   */
  query?: {
    [k: string]: string;
  };
}
/**
 * Values of the token answer kept on the connection and read as $connection.<name>; without a token answer, of the test's answer.
 */
export interface Capture {
  [k: string]: RuntimeExpression;
}
/**
 * JSON Schema of what a person gives besides the credentials; read as $connection.<name>.
 */
export interface ConnectionInput {
  [k: string]: unknown;
}
/**
 * A plain HTTP request.
 */
export interface HttpRequest {
  /**
   * HTTP method.
   */
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /**
   * URI template (RFC 6570) appended to the server's URL; variables are dot paths from a root.
   */
  path: string;
  /**
   * Query parameters; a list repeats its name.
   */
  query?: TemplateObject;
  /**
   * Headers besides those of the server.
   */
  headers?: TemplateObject;
  /**
   * The body.
   */
  body?: Template;
  /**
   * How the body is written; json when not given.
   */
  bodyType?: "json" | "form";
  /**
   * How the answer is read; json when not given. binary becomes {mediaType, size, sha256, content}, the content in base64; beyond 1 MB {mediaType, size, sha256, path}, by which passthrough fetches it.
   */
  answer?: "json" | "text" | "binary";
  encode?: Encode;
  decode?: Decode;
}
/**
 * An object whose values are templates.
 */
export interface TemplateObject {
  [k: string]: unknown;
}
/**
 * Parts of the request in a form that JSON does not have: what stands there is replaced by its encoding.
 */
export interface Encode {
  /**
   * mimeMessage: an email {to, cc, bcc, replyTo, subject, text, html, attachments, inReplyTo, references} as an RFC 5322 message in base64url.
   */
  [k: string]: "mimeMessage";
}
/**
 * Parts of the answer, as dot paths from body, that are replaced by what they mean; a path through a list concerns every member.
 */
export interface Decode {
  /**
   * base64url: becomes plain Base64. mimeTree: a message as a tree of MIME parts {mimeType, headers, body, parts} becomes {headers, from, to, cc, bcc, replyTo, subject, date, messageId, inReplyTo, references, text, html, attachments}.
   */
  [k: string]: "mimeTree" | "base64url";
}
/**
 * A method of a Google API.
 */
export interface GoogleRequest {
  /**
   * Method id as in googleapis, without the name of the API.
   */
  method: string;
  /**
   * Path and query parameters.
   */
  params?: TemplateObject;
  /**
   * Headers besides those of the library.
   */
  headers?: TemplateObject;
  /**
   * The request's body.
   */
  body?: Template;
  encode?: Encode;
  decode?: Decode;
}
/**
 * Named proofs, best first. Two identities are compared by the first name that both have a value for; without such a name nothing is proved. `$response` is the test's answer, `$token` the token endpoint's with its `body` and the `claims` of its id token, `$connection` what was captured from the vendor's answers, and nothing that people gave.
 */
export interface Proofs {
  [k: string]: ValueExpression;
}
/**
 * A value computed with JMESPath.
 */
export interface Reshape {
  $expr: Jmespath;
}
/**
 * How further connections are derived from one: of an agency, one for each of its locations. Each has an account of its own, which `account` proves by `values`, and lives on the first one's grant: its token is asked for with that one's, again and again, and never refreshed.
 */
export interface Derive {
  /**
   * JMESPath over {connection}: which connections others can be derived from.
   */
  when: Jmespath;
  /**
   * OAuth scopes that `list` and `token` need.
   */
  scopes?: Scopes;
  /**
   * What lists all that connections can be derived for, sent with the first one's token; reads $connection and $client.id, the id of the OAuth client.
   */
  list: ConnectorRequest;
  pagination?: Pagination;
  /**
   * What is listed. What is not there is no longer installed, once `token` is refused for it too.
   */
  each: {
    /**
     * Where it is listed; an answer without this place is an error, not an empty list.
     */
    select: ValueExpression;
    /**
     * JMESPath over {item}: only items for which it is true.
     */
    where?: Jmespath;
    /**
     * Where an item has the vendor's own id of it.
     */
    id: Pointer;
    /**
     * Where an item says what it is called.
     */
    label?: Pointer;
  };
  /**
   * What asks for a token, sent with the first one's; reads $connection, $client.id and $derived.id. The answer is that of a token endpoint (RFC 6749 §5.1); a refresh token in it is not used.
   */
  token: ConnectorRequest;
  /**
   * Where the answer of `token` says what the token is for; reads $response. A token for anything but $derived.id is refused.
   */
  proof: ValueExpression;
  /**
   * What the derived connection has as $connection, over {derived, connection}: its own id at the vendor, and what it takes over from the first one.
   */
  values: TemplateObject;
}
/**
 * One answer holds everything.
 */
export interface NoPagination {
  /**
   * No pages.
   */
  type: "none";
}
/**
 * The answer names the next page by a token.
 */
export interface TokenPagination {
  /**
   * By token.
   */
  type: "token";
  /**
   * Where the token is.
   */
  from: RuntimeExpression;
  to: Target;
  pageSize?: PageSize;
  stop?: Stop;
  maxPages?: MaxPages;
}
/**
 * How many records a page has at most.
 */
export interface PageSize {
  param: Target;
  /**
   * Records per page.
   */
  value: number;
}
/**
 * A condition that ends the pages.
 */
export interface StopCondition {
  /**
   * JMESPath over {status, headers, body}.
   */
  when: Jmespath;
}
/**
 * The answer gives the next page's URL, of the same origin.
 */
export interface LinkPagination {
  /**
   * By URL.
   */
  type: "link";
  /**
   * Where the URL is; the Link header's rel="next" (RFC 8288) when not given.
   */
  from?: RuntimeExpression;
  pageSize?: PageSize;
  stop?: Stop;
  maxPages?: MaxPages;
}
/**
 * Pages are counted.
 */
export interface PagePagination {
  /**
   * By page number.
   */
  type: "page";
  to: Target;
  /**
   * Number of the first page; 1 when not given.
   */
  start?: number;
  pageSize?: PageSize;
  stop?: Stop;
  maxPages?: MaxPages;
}
/**
 * Records are counted; the offset grows by the records received.
 */
export interface OffsetPagination {
  /**
   * By number of records to skip.
   */
  type: "offset";
  to: Target;
  /**
   * Offset of the first record; 0 when not given.
   */
  start?: number;
  pageSize: PageSize;
  stop?: Stop;
  maxPages?: MaxPages;
}
/**
 * The next page starts after the last record.
 */
export interface KeysetPagination {
  /**
   * By the last record's values.
   */
  type: "keyset";
  /**
   * The last record's values.
   */
  from: RuntimeExpression | RuntimeExpression[];
  /**
   * Where they go: one place per value, or one place for them all.
   */
  to: Target | Target[];
  /**
   * Taken off the first value, a number, so that records that share it with the last one are listed again: for lists ordered by time alone, in which a page may end between two of the same time. When a page holds nothing but one time, it is asked for again with up to 640 records, by pageSize; where that does not help, a gap is reported.
   */
  stepBack?: number;
  pageSize?: PageSize;
  stop?: Stop;
  maxPages?: MaxPages;
}
/**
 * A long-lived token in the Authorization header.
 */
export interface BearerAuthentication {
  /**
   * A token in Authorization: Bearer.
   */
  type: "bearer";
  title?: Title;
  description?: Description;
  capture?: Capture;
  connectionInput?: ConnectionInput;
  test?: ConnectorRequest;
  label?: Label;
  account?: Account;
  tokenPrefixes?: TokenPrefixes;
}
/**
 * A key in a header or in the query.
 */
export interface ApiKeyAuthentication {
  /**
   * A key.
   */
  type: "apiKey";
  /**
   * Where the key is sent.
   */
  in: "header" | "query";
  /**
   * Name of the header or query parameter.
   */
  name: string;
  /**
   * Text before the key, with its space.
   */
  prefix?: string;
  title?: Title;
  description?: Description;
  capture?: Capture;
  connectionInput?: ConnectionInput;
  test?: ConnectorRequest;
  label?: Label;
  account?: Account;
  tokenPrefixes?: TokenPrefixes;
}
/**
 * User name and password (RFC 7617).
 */
export interface BasicAuthentication {
  /**
   * User name and password.
   */
  type: "basic";
  title?: Title;
  description?: Description;
  /**
   * What the user name is; one that people have to give when not given. Where the password is fixed, the user name is the secret.
   */
  username?: BasicPart;
  /**
   * What the password is; one that people have to give when not given.
   */
  password?: BasicPart;
  capture?: Capture;
  connectionInput?: ConnectionInput;
  test?: ConnectorRequest;
  label?: Label;
  account?: Account;
}
/**
 * A user name or password: what forms call it, and whether people give it.
 */
export interface BasicPart {
  title?: Title;
  description?: Description;
  /**
   * People may leave it out; it is sent empty then.
   */
  optional?: true;
  /**
   * The same for every connection, and asked of nobody; often empty.
   */
  fixed?: string;
}
/**
 * Several secrets, each in its declared headers and query parameters.
 */
export interface CustomAuthentication {
  /**
   * Several secrets in declared places.
   */
  type: "custom";
  title?: Title;
  description?: Description;
  credentials: Credentials;
  present: Present;
  capture?: Capture;
  connectionInput?: ConnectionInput;
  test?: ConnectorRequest;
  label?: Label;
  account?: Account;
  tokenPrefixes?: TokenPrefixes;
}
/**
 * JSON Schema of the secrets that a person gives, each a text; read as $credentials.<name>. All of them are sealed, whatever is `writeOnly`.
 */
export interface Credentials {
  /**
   * An object of texts.
   */
  type: "object";
  /**
   * What nobody can leave out.
   *
   * @minItems 1
   */
  required: string[];
  /**
   * The texts, by name.
   */
  properties: {
    [k: string]: Credential;
  };
}
/**
 * One text that a person gives.
 */
export interface Credential {
  /**
   * A text.
   */
  type: "string";
  title: Title;
  description?: Description;
  /**
   * It is a secret: forms hide what is typed.
   */
  writeOnly?: true;
  /**
   * It may have line breaks, as a key or a JSON file has; it can then not be sent in a header or the query.
   */
  multiline?: true;
  /**
   * It is a JSON file, in which expressions read: $credentials.keyFile#/client_email.
   */
  contentMediaType?: "application/json";
  /**
   * Form of the text.
   */
  format?: "email" | "uri";
  /**
   * Regular expression (RE2) that it matches.
   */
  pattern?: string;
  /**
   * Fewest characters.
   */
  minLength?: number;
  /**
   * Most characters.
   */
  maxLength?: number;
  /**
   * The texts that it can be.
   *
   * @minItems 1
   */
  enum?: string[];
  /**
   * Texts that show its form, and are no secrets.
   */
  examples?: string[];
}
/**
 * OAuth 2.0 client credentials (RFC 6749 §4.4): a token for a client, without a person. It is issued again before it ends.
 */
export interface ClientCredentialsAuthentication {
  /**
   * OAuth 2.0 client credentials.
   */
  type: "clientCredentials";
  title?: Title;
  description?: Description;
  /**
   * Where tokens are issued.
   */
  tokenUrl: string;
  /**
   * Whose client it is: each connection has its own, which people give as `clientId` and `clientSecret`, or all have the one in `clients` of the configuration; connection when not given.
   */
  client?: "connection" | "operator";
  /**
   * How the client proves itself at the token URL; body when not given.
   */
  clientAuthentication?: "body" | "basic";
  /**
   * Every scope that is asked for, with its meaning in one line; of the operator's client, those that are registered.
   */
  scopes?: {
    [k: string]: string;
  };
  tokenParams?: TokenParams;
  refresh?: Reissue;
  tokenRequest?: TokenRequest;
  tokenAnswer?: TokenAnswer;
  parameterNames?: ParameterNames;
  scopeSeparator?: ScopeSeparator;
  present?: Present;
  capture?: Capture;
  connectionInput?: ConnectionInput;
  test?: ConnectorRequest;
  label?: Label;
  account?: Account;
  tokenPrefixes?: TokenPrefixes;
}
/**
 * Further parameters of every token request, such as `audience`, or `resource` (RFC 8707), which may be a list; may use $connection.
 */
export interface TokenParams {
  [k: string]: string | string[];
}
/**
 * How tokens are issued again.
 */
export interface Reissue {
  /**
   * Seconds before its end at which a token is issued again; 300 when not given.
   */
  marginSeconds?: number;
}
/**
 * A login gives a token, which each request carries; when it ends, the login is made again.
 */
export interface SessionAuthentication {
  /**
   * A token for a login.
   */
  type: "session";
  title?: Title;
  description?: Description;
  credentials: Credentials;
  /**
   * The request that gives the token; may use $credentials and $connection. Its answer is an error by `errors` of scope `token`, or by its status.
   */
  login: HttpRequest;
  /**
   * Where the login's answer has the token; without one there, the login has failed.
   */
  token: SessionToken;
  expiresIn?: ExpiresIn;
  expiresAt?: ExpiresAt;
  /**
   * Where each request carries the token, as $accessToken, and what else of $credentials.
   */
  present: Present;
  refresh?: Reissue;
  capture?: Capture;
  connectionInput?: ConnectionInput;
  test?: ConnectorRequest;
  label?: Label;
  account?: Account;
  tokenPrefixes?: TokenPrefixes;
}
/**
 * A signed statement of a service account becomes a token (RFC 7523 §2.1). It is made again before the token ends.
 */
export interface JwtBearerAuthentication {
  /**
   * A JWT as authorization grant.
   */
  type: "jwtBearer";
  title?: Title;
  description?: Description;
  /**
   * Where tokens are issued; the audience of the statement, unless `claims` has another.
   */
  tokenUrl: string;
  credentials: Credentials;
  /**
   * Which credential is the private key, as PEM (PKCS #8, PKCS #1 or SEC 1) or JWK, or where in a JSON file it is.
   */
  key: string;
  /**
   * How the statement is signed (RFC 7518, RFC 8037).
   */
  algorithm: "RS256" | "PS256" | "ES256" | "ES384" | "EdDSA";
  /**
   * Further parameters of the JWT's header.
   */
  header?: {
    [k: string]: Template;
  };
  /**
   * What the statement says, from $credentials, $connection and $scopes, which are joined by a space. `iat`, `exp` and `jti` are made; one without a value is left out.
   */
  claims: {
    [k: string]: Template;
  };
  /**
   * Seconds from `iat` to `exp`; 300 when not given. `iat` is 30 seconds ago, for clocks that are behind.
   */
  lifetimeSeconds?: number;
  /**
   * Every scope that is asked for, with its meaning in one line.
   */
  scopes?: {
    [k: string]: string;
  };
  tokenParams?: TokenParams;
  refresh?: Reissue;
  tokenRequest?: TokenRequest;
  tokenAnswer?: TokenAnswer;
  parameterNames?: ParameterNames;
  scopeSeparator?: ScopeSeparator;
  present?: Present;
  capture?: Capture;
  connectionInput?: ConnectionInput;
  test?: ConnectorRequest;
  label?: Label;
  account?: Account;
  tokenPrefixes?: TokenPrefixes;
}
/**
 * An API open to everybody.
 */
export interface NoAuthentication {
  /**
   * Nothing to prove.
   */
  type: "none";
  title?: Title;
  description?: Description;
  capture?: Capture;
  connectionInput?: ConnectionInput;
  test?: ConnectorRequest;
  label?: Label;
  account?: Account;
}
/**
 * Several ways; each connection uses one, chosen by type.
 */
export interface AuthenticationChoice {
  /**
   * The ways, best first, each of another type.
   *
   * @minItems 2
   */
  oneOf: AuthenticationMethod[];
}
/**
 * One limit of the vendor.
 */
export interface RateLimit {
  /**
   * Requests allowed in the time.
   */
  points: number;
  /**
   * The time in seconds.
   */
  seconds: number;
  /**
   * Whether each connection has the limit, all of one OAuth client share it, or those with the same value of a connection.
   */
  per: ("connection" | "client") | string;
  /**
   * Share of the limit that polls may use, so that actions get through; 0.5 when not given. When the headers say that no more than the rest is left, polls slow down so that they spend half of it at most until the limit is reset.
   */
  pollShare?: number;
  /**
   * Only requests that read, or only those that write; both when not given.
   */
  appliesTo?: "read" | "write";
  /**
   * Answer headers that tell the state of the limit.
   */
  headers?: {
    /**
     * Header with the size of the limit.
     */
    limit?: string;
    /**
     * Header with what is left.
     */
    remaining?: string;
    /**
     * Header with the seconds until the limit is reset, or the time.
     */
    reset?: string;
    /**
     * What the time until then is counted in; seconds when not given.
     */
    resetUnit?: "seconds" | "milliseconds";
  };
}
/**
 * Which answers belong to a class.
 */
export interface ErrorMatcher {
  class: ErrorClass;
  /**
   * HTTP statuses, any of which matches.
   *
   * @minItems 1
   */
  status?: number[];
  /**
   * JMESPath over {status, headers, body}; header names in lower case.
   */
  when?: Jmespath;
  /**
   * Where the answer says how long to wait: seconds, or a time.
   */
  retryAfter?: RuntimeExpression;
  /**
   * Only errors that arose while reading a stream, running an action, enriching a record, or asking for a token.
   */
  scope?: "stream" | "action" | "enrich" | "token";
}
/**
 * A list or record that is read repeatedly.
 */
export interface Stream {
  title: Title;
  description?: Description;
  scopes?: Scopes;
  requires?: Requires;
  as?: As;
  /**
   * What must be known to read it, read as $input; each different input is its own cursor.
   */
  input?: JsonSchema;
  each?: Each;
  request: ConnectorRequest;
  enrich?: Enrich;
  records: Records;
  pagination?: Pagination;
  cursor: Cursor;
  /**
   * Errors that mean there is nothing: a record asked for by its id that is gone, a file that is not there yet. The answer then counts as empty.
   */
  accept?: Accept;
  /**
   * Raised when request, cursor or records change; 1 when not given.
   */
  cursorVersion?: number;
  /**
   * After a raise: rebaseline reads everything silently, resync reads everything and emits what differs, keep goes on at the cursor, which still holds.
   */
  migrate?: "rebaseline" | "resync" | "keep";
  /**
   * JMESPath on the record: true when the vendor reports it deleted.
   */
  deleted?: Jmespath;
  /**
   * How often everything is read and compared, to find what increments do not show. P7D when not given, where increments do not show all deletions: updatedSince and keyset without deleted, or with one cursor for several lists.
   */
  verifyEvery?: Duration;
  /**
   * How long the vendor lists what was deleted. After a longer pause everything is read and compared.
   */
  tombstones?: Duration;
  /**
   * Values remembered per record, so that a trigger can report what was added, removed or changed.
   */
  watch?: {
    [k: string]: Jmespath;
  };
  /**
   * Watched values that stay true: a record keeps one once it was true, whatever is listed later. One that was known before the value was watched counts as having it.
   *
   * @minItems 1
   */
  stays?: string[];
  /**
   * JMESPath on the watched values: true when a record is over, and a complete read may list it or not. That one leaves it out is no deletion, and it stays known.
   */
  ended?: Jmespath;
  /**
   * A record as the vendor sends it.
   */
  schema?: JsonSchema;
  resource?: ResourceMap;
}
/**
 * What must be true of the connection, besides its scopes; refused before any call when it is not.
 */
export interface Requires {
  /**
   * JMESPath over {connection}.
   */
  condition: Jmespath;
  /**
   * What is needed and what to do, for the person who is refused.
   */
  message: string;
}
/**
 * A JSON Schema (2020-12); {} when there is nothing to say.
 */
export interface JsonSchema {
  [k: string]: unknown;
}
/**
 * Reads the stream once for every item of another list, for vendors that keep records in lists and have no list of all. The stream's request reads the item as $item. Records of a later item follow those of an earlier one; where their ids are unique only within an item, primaryKey names the item too. The same key in two items is one record that has moved.
 */
export interface Each {
  request: ConnectorRequest;
  pagination?: Pagination;
  /**
   * Where the items are.
   */
  select: ValueExpression;
  /**
   * Whether the vendor leaves the place out when there are no items.
   */
  optional?: boolean;
  /**
   * JMESPath over {item, input}: only items for which it is true.
   */
  where?: Jmespath;
  /**
   * The record's property its item is put under.
   */
  into: string;
  /**
   * Where an item has its id; /id when not given. An item that is text or a number is its own id.
   */
  key?: Pointer;
}
/**
 * One more request per record; may use $record.
 */
export interface Enrich {
  request: ConnectorRequest;
  /**
   * JMESPath on the record: only where true.
   */
  when?: Jmespath;
  /**
   * Only records that are not known yet, or whose watched values differ, and not in a silent first poll; what is compared must then not depend on the answer.
   */
  once?: boolean;
  /**
   * What of the answer is taken; the whole body when not given.
   */
  select?: ValueExpression;
  /**
   * The record's property the answer is put under; when not given, the answer takes the record's place.
   */
  into?: string;
  /**
   * Requests at the same time; 5 when not given.
   */
  concurrency?: number;
  /**
   * What is done with a record that cannot be had, while the others go on: by class of error. An answer that is too large, or cannot be read, is unknown. A record that is not found is gone; limits, credentials and scopes concern all records and end the poll.
   */
  onError?: {
    serverError?: RecordFailure;
    network?: RecordFailure;
    timeout?: RecordFailure;
    invalidInput?: RecordFailure;
    conflict?: RecordFailure;
    cursorExpired?: RecordFailure;
    unknown?: RecordFailure;
  };
}
/**
 * How long a record is asked for that cannot be had, and what is done then.
 */
export interface RecordFailure {
  /**
   * Polls in which it is asked for; when not given, 5 for serverError, network and timeout, 3 for the others.
   */
  tries?: number;
  /**
   * tell: it is told as it was listed, with enrichmentError: {code, message}; setAside: it waits in the health of its subscriptions until a poll is asked for, or a list has it again. tell when not given.
   */
  then?: "tell" | "setAside";
}
/**
 * Where an answer's records are and how each is known.
 */
export interface Records {
  /**
   * Where the records are; of several places the first that exists. A single object is a list of one. An answer without any of the places is an error, unless `optional` is true.
   */
  select: ValueExpression | ValueExpression[];
  /**
   * Whether the vendor leaves the place out when there are no records. The answer is then still an object without an `error`, the place is not null, and `expect` holds for it; of an expression, `expect` says of what type its list is.
   */
  optional?: boolean;
  /**
   * What the body of every answer has to be, beside the place of the records: it tells an empty list from an answer that is none.
   */
  expect?: JsonSchema;
  /**
   * Pointers to what identifies a record permanently, each to text, a number or a list; for a single record without an id, the input it was asked for by.
   */
  primaryKey: Pointer | Pointer[] | string;
  /**
   * What changes with every change of the record; without it the record's content is hashed.
   */
  versionKey?: Pointer;
  /**
   * What of the record matters: an update that leaves it alike is no update.
   */
  fingerprint?: Reshape;
  /**
   * List of keys the record had before. When it is new and one of them is known, it was renamed; when it is known itself, the record with that key was merged into it.
   */
  previousKeys?: Pointer;
  former?: FormerRecords;
  /**
   * When the record last changed; needed for a first poll that starts at a time.
   */
  timestamp?: ValueExpression;
  /**
   * When the record was created; needed where the stream's input or a window filters at the vendor. A record from before the first read that comes into view is then updated, not created.
   */
  createdAt?: ValueExpression;
  /**
   * How long an incremental stream remembers a record it no longer sees; forever when not given.
   */
  remember?: Duration;
}
/**
 * How the version of the manifest before knew a record, where that was another way. A record that is known so, and as it was then, makes no event; from then on it is known in the new way.
 */
export interface FormerRecords {
  /**
   * What identified it.
   */
  primaryKey?: Pointer | Pointer[];
  /**
   * What changed with every change of it, where it had no fingerprint.
   */
  versionKey?: Pointer;
  /**
   * What of it mattered.
   */
  fingerprint?: Reshape;
}
/**
 * An opaque token from the last page; when it expires everything is read and compared.
 */
export interface SyncTokenCursor {
  /**
   * Opaque token.
   */
  type: "syncToken";
  /**
   * Where the last page has the token.
   */
  from: RuntimeExpression;
  to: Target;
  initial?: CursorInitial;
  /**
   * Age at which a token is replaced before the vendor refuses it.
   */
  maxAge?: Duration;
  per?: CursorPer;
}
/**
 * A growing number, kept as text and compared as a number.
 */
export interface SequenceCursor {
  /**
   * Growing number.
   */
  type: "sequence";
  baseline: SequenceBaseline;
  /**
   * Where an answer has the newest number.
   */
  from: RuntimeExpression;
  to: Target;
  recover?: SequenceRecovery;
}
/**
 * The request that gives the first number.
 */
export interface SequenceBaseline {
  request: ConnectorRequest;
  /**
   * Where its answer has the number.
   */
  from: RuntimeExpression;
}
/**
 * How to list what an expired number has missed.
 */
export interface SequenceRecovery {
  request: ConnectorRequest;
  pagination?: Pagination;
  records?: Records;
}
/**
 * The largest time seen in records; read again inclusively, repeats are dropped by version.
 */
export interface UpdatedSinceCursor {
  /**
   * Largest time seen.
   */
  type: "updatedSince";
  /**
   * The record's time.
   */
  from: RuntimeExpression;
  to?: Target;
  initial?: CursorInitial;
  /**
   * descending: the list shows the newest first and is read until the cursor is reached, also where the vendor takes no time to begin at (no to). ascending when not given.
   */
  order?: "ascending" | "descending";
  overlapSeconds?: OverlapSeconds;
  settleSeconds?: SettleSeconds;
  format?: TimeFormat;
  per?: CursorPer;
}
/**
 * The last record's time and id, to go on after it.
 */
export interface KeysetCursor {
  /**
   * Time and id of the last record.
   */
  type: "keyset";
  /**
   * Values of the record by which the list is ordered, time first.
   *
   * @minItems 1
   */
  values: RuntimeExpression[];
  /**
   * Where they go: one place per value, or one place for them all.
   */
  to: Target | Target[];
  overlapSeconds?: OverlapSeconds;
  settleSeconds?: SettleSeconds;
  per?: CursorPer;
}
/**
 * A moving span on a time that is not the time of change.
 */
export interface WindowCursor {
  /**
   * Moving span.
   */
  type: "window";
  from: Target;
  to: Target;
  /**
   * How far it reaches into the future. A number, or where the input has it.
   */
  aheadSeconds: number | RuntimeExpression;
  /**
   * How far it reaches into the past. A number, or where the input has it.
   */
  behindSeconds: number | RuntimeExpression;
  format?: TimeFormat;
}
/**
 * No cursor: everything is read and compared with what is remembered.
 */
export interface SnapshotCursor {
  /**
   * Everything, every time.
   */
  type: "snapshot";
  /**
   * The answer is one record, asked for by its id.
   */
  single?: boolean;
  /**
   * The answer holds some of the records, such as the newest: what is not in it is not deleted. records.remember says for how long it is known.
   */
  partial?: boolean;
  /**
   * Of a partial answer: how old its records are at most. A longer time without a poll is reported as a gap.
   */
  reachesBack?: Duration;
}
/**
 * The same record in common terms.
 */
export interface ResourceMap {
  /**
   * Type of the resource.
   */
  type: string;
  /**
   * Template over the record: {"$expr"} starts at the record, $record#/… works too.
   */
  map: Template;
}
/**
 * A kind of change on a stream, as people pick it.
 */
export interface Trigger {
  title: Title;
  description?: Description;
  /**
   * Key of the stream.
   */
  stream: string;
  on: Change;
  /**
   * JMESPath over {record, resource, previous, input}: only changes for which it is true.
   */
  where?: Jmespath;
  /**
   * Type of the event that consumers see.
   */
  event: string;
  /**
   * What a subscriber chooses, read as input.
   */
  input?: JsonSchema;
  /**
   * The stream's input, from $input and $connection; when not given, the properties of the trigger's input that the stream's input has too.
   */
  streamInput?: TemplateObject;
  /**
   * When the stream is polled for this trigger.
   */
  schedule?: {
    /**
     * Cron expression used when the subscriber chooses none.
     */
    default?: string;
    /**
     * Smallest interval a subscriber may choose, in seconds; 60 when not given.
     */
    minSeconds?: number;
  };
  /**
   * A record as the stream gives it; matches the stream's schema.
   */
  sample?: {
    [k: string]: unknown;
  };
}
/**
 * Something joined a watched list.
 */
export interface AddedChange {
  /**
   * Name of the watch.
   */
  added: string;
}
/**
 * Something left a watched list.
 */
export interface RemovedChange {
  /**
   * Name of the watch.
   */
  removed: string;
}
/**
 * A watched value became another.
 */
export interface ChangedChange {
  /**
   * Name of the watch.
   */
  changed: string;
}
/**
 * One operation at the vendor: a request, or a short sequence of steps.
 */
export interface Action {
  title: Title;
  description?: Description;
  /**
   * Kind of the operation.
   */
  kind: "create" | "update" | "upsert" | "delete" | "get" | "search" | "list" | "other";
  scopes?: Scopes;
  requires?: Requires;
  as?: As;
  /**
   * What it takes, read as $input; refuses unknown properties.
   */
  input?: JsonSchema;
  /**
   * What it gives.
   */
  output?: JsonSchema;
  request?: ConnectorRequest;
  /**
   * Requests one after the other; each sees the answers of those before as $steps.<id>.
   *
   * @minItems 1
   * @maxItems 10
   */
  steps?: Step[];
  /**
   * The output, over {response, input, steps, connection}; the body of the last answer when not given.
   */
  result?: Template;
  accept?: Accept;
  /**
   * What makes a repeat harmless: its nature, an etag, a key the vendor honours (such as $run.key, 32 characters of 0-9 and a-v that stay the same through all steps and tries of a run), or nothing. none when not given, natural for get, search and list.
   */
  idempotency?: "natural" | "precondition" | "key" | "none";
  /**
   * Which failures are tried again, within what the idempotency allows.
   */
  retry?: {
    /**
     * Tries after the first; 3 when not given.
     */
    max?: number;
    /**
     * Classes tried again; rateLimited, serverError, network and timeout when not given.
     */
    on?: ErrorClass[];
  };
  /**
   * Runs of one connection one at a time.
   */
  serial?: "connection";
  batch?: ActionBatch;
  /**
   * An example of input and output; both match their schemas.
   */
  sample?: {
    /**
     * An input.
     */
    input?: unknown;
    /**
     * An output.
     */
    output?: unknown;
  };
}
/**
 * One request of an action.
 */
export interface Step {
  /**
   * Name by which later steps read the answer: $steps.<id>.body#/…, .status, .header.<name>.
   */
  id: string;
  request: ConnectorRequest;
  /**
   * Whether the request changes nothing, so that it may be repeated and counts as a read; when not given, that of a GET, and of a googleapis method named get or list.
   */
  reads?: boolean;
  /**
   * JMESPath over {input, steps, connection}: skipped unless true.
   */
  when?: Jmespath;
  retry?: StepRetry;
  accept?: Accept;
}
/**
 * On one class of error go back to an earlier step.
 */
export interface StepRetry {
  on: ErrorClass;
  /**
   * How often.
   */
  max: number;
  /**
   * The step to start again from: this one or an earlier.
   */
  from: string;
}
/**
 * Another action that does the same for many inputs in one call; used when this one is asked for in bulk. It writes all or nothing, or says of each what became of it.
 */
export interface ActionBatch {
  /**
   * Key of the action that takes many.
   */
  action: string;
  /**
   * Most inputs of one call.
   */
  size: number;
  /**
   * The input of that action, over {items}: the inputs of this one.
   */
  inputs: Template;
  /**
   * The result of each, in the order of the inputs, in place of that action's result and over the same: a list of {output}, or {error} with the vendor's words.
   */
  results: Template;
  /**
   * Where in an input stands what one call may name only once; a second one waits for the next call.
   */
  distinct?: Pointer;
}
/**
 * What two-way sync may use to keep a common thing alike.
 */
export interface Resource {
  /**
   * Key of the stream that reports changes; it has a resource of this type.
   */
  stream: string;
  /**
   * Key of the action that creates.
   */
  create?: string;
  /**
   * Key of the action that updates.
   */
  update?: string;
  /**
   * Key of the action that deletes.
   */
  delete?: string;
  /**
   * Key of the action that finds by the key; takes it in an input property of the key's name.
   */
  find?: string;
  /**
   * What identifies two records as the same when no link is known.
   */
  key?: string;
  /**
   * Input property of update and delete that takes the vendor's id.
   */
  id?: string;
  /**
   * Input of create and update, over {resource, id, record}: the common thing, the vendor's id and the vendor's record, the latter two when known.
   */
  from: TemplateObject;
}
