// Generated from config.schema.json by schemas/generate.ts; do not edit.

/**
 * Text, or where it is.
 */
export type Text = string | FromEnvironment | FromFile;

/**
 * The service's configuration file. Any text may be {"env": "NAME"} or {"file": "path"} instead.
 */
export interface Config {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * TCP port; 0 takes any that is free. 8080 when not given.
   */
  port?: number;
  /**
   * Address to listen on.
   */
  host?: Text;
  /**
   * The service's URL as browsers and vendors reach it.
   */
  baseUrl?: Text;
  /**
   * Where everything is kept: sqlite:<file>, sqlite::memory: or postgres://….
   */
  store?: Text;
  /**
   * Names of built-in connectors and paths of manifests; all built-in ones when not given.
   */
  connectors?: Text[];
  /**
   * Keys of stored credentials: the first encrypts, all decrypt.
   *
   * @minItems 1
   */
  encryptionKeys?: Text[];
  /**
   * The first admin API key.
   */
  apiKey?: Text;
  /**
   * Origins to which a browser may be sent back after OAuth; that of baseUrl always may.
   */
  returnOrigins?: Text[];
  /**
   * How pages for people call the embedding product; "this product" when not given.
   */
  productName?: Text;
  /**
   * Whether every account connected by OAuth has to be confirmed by who began; false when not given.
   */
  requireConfirmation?: boolean;
  /**
   * What a person is asked for when a connection names no scopes, triggers or actions: `least`, what connecting needs and what the connection is used for already, or `all` that the manifest has; `least` when not given.
   */
  consent?: "least" | "all";
  /**
   * OAuth clients by connector.
   */
  clients?: {
    [k: string]: Client;
  };
  /**
   * Other addresses by connector: a sandbox, a proxy, a test double.
   */
  servers?: {
    [k: string]: ServerAddress;
  };
  /**
   * Where webhooks and requests may go.
   */
  network?: {
    /**
     * Whether private and loopback addresses are allowed; false when not given.
     */
    allowPrivate?: boolean;
    /**
     * Address ranges allowed besides public ones (CIDR).
     */
    allow?: string[];
  };
  /**
   * How long things are kept, in days.
   */
  retention?: {
    /**
     * Events.
     */
    eventsDays?: number;
    /**
     * Deliveries and their attempts.
     */
    deliveriesDays?: number;
  };
  /**
   * When most records of a stream are missing in two complete reads, they are not reported as deleted until a person accepts it. `release` (the default) reports them after a day in which all reads agreed; `hold` waits for the person.
   */
  unusualDeletions?: "release" | "hold";
  /**
   * What there is besides connecting, polling and delivering; everything when left out. `sync` and `flows` need `act`.
   */
  modules?: ("act" | "sync" | "flows")[];
  /**
   * Limits of parallel work in this process.
   */
  concurrency?: {
    /**
     * Polls.
     */
    polls?: number;
    /**
     * Deliveries.
     */
    deliveries?: number;
    /**
     * Deliveries to one endpoint.
     */
    perEndpoint?: number;
  };
  /**
   * What is logged.
   */
  log?: {
    /**
     * The least important that is written; info when not given.
     */
    level?: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  };
}
/**
 * From the environment.
 */
export interface FromEnvironment {
  /**
   * Name of the variable.
   */
  env: string;
}
/**
 * From a file, without the newline at its end.
 */
export interface FromFile {
  /**
   * Path of the file.
   */
  file: string;
}
/**
 * An OAuth client registered with the vendor.
 */
export interface Client {
  /**
   * Its id.
   */
  clientId: Text;
  /**
   * Its secret; a public client has none.
   */
  clientSecret?: Text;
  /**
   * The scopes that are registered for it at the vendor: no other is ever asked for. All of the manifest when not given.
   *
   * @minItems 1
   */
  scopes?: string[];
}
/**
 * Addresses instead of the manifest's.
 */
export interface ServerAddress {
  /**
   * Hosts that connections may name where the manifest leaves the host to them: names, *. for any subdomain, or * for every public host. None when not given.
   */
  hosts?: string[];
  /**
   * Base URL of the API.
   */
  url?: Text;
  /**
   * Where a person grants access.
   */
  authorizationUrl?: Text;
  /**
   * Where tokens come from.
   */
  tokenUrl?: Text;
  /**
   * URL that revokes a grant.
   */
  revokeUrl?: Text;
}
