import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { GoogleSettings } from "./settings.ts";

export interface OAuthClient {
  clientId: string;
  clientSecret: string;
  /** Registered redirect URIs, compared character by character; any loopback address is allowed besides. */
  redirectUris: readonly string[];
}

/** What a person has allowed a client, over all times they consented. Revoking ends it as a whole. */
interface Grant {
  email: string;
  clientId: string;
  scopes: Set<string>;
  refreshTokens: RefreshToken[];
  revoked: boolean;
}

interface RefreshToken {
  value: string;
  grant: Grant;
  scopes: ReadonlySet<string>;
  usedAt: number;
}

interface AccessToken {
  grant: Grant;
  scopes: ReadonlySet<string>;
  expiresAt: number;
  offline: boolean;
}

/** A grant with its tokens as it is written down. Codes are not: they last minutes. */
export interface GrantSnapshot {
  email: string;
  clientId: string;
  scopes: string[];
  refreshTokens: { value: string; scopes: string[]; usedAt: number }[];
  accessTokens: { value: string; scopes: string[]; expiresAt: number; offline: boolean }[];
}

/** What a person agreed to on the consent page, waiting to be fetched with its code. */
interface Consent {
  email: string;
  clientId: string;
  redirectUri: string;
  scopes: readonly string[];
  offline: boolean;
  /** Whether `prompt=consent` asked for the page, which brings a new refresh token each time. */
  prompted: boolean;
  includeGranted: boolean;
  codeChallenge: string | undefined;
}

export interface TokenAnswer {
  access_token: string;
  expires_in: number;
  refresh_token?: string;
  scope: string;
  token_type: "Bearer";
  /** With the scope `openid`. */
  id_token?: string;
}

/** A refusal of the token or revocation endpoint (RFC 6749 §5.2). */
export class OAuthError extends Error {
  readonly status: number;
  readonly body: { error: string; error_description: string };

  constructor(error: string, description: string, status = 400) {
    super(description);
    this.name = "OAuthError";
    this.status = status;
    this.body = { error, error_description: description };
  }
}

const CODE_LIFETIME = 10 * 60_000;
const REFRESH_TOKEN_IDLE_LIFETIME = 183 * 24 * 3_600_000;
/** Live refresh tokens of one account and client; a further one silently ends the oldest. */
const MAX_REFRESH_TOKENS = 100;

/** Google's authorization server: codes, grants, refresh tokens, access tokens. Tokens are random whatever the seed. */
export class OAuthServer {
  readonly #clock: Clock;
  readonly #settings: GoogleSettings;
  readonly #clients: Map<string, OAuthClient>;
  readonly #subjectOf: (email: string) => string;
  readonly #codes = new Map<string, { consent: Consent; grant: Grant; withRefreshToken: boolean; expiresAt: number }>();
  readonly #grants = new Map<string, Grant>();
  readonly #refreshTokens = new Map<string, RefreshToken>();
  readonly #accessTokens = new Map<string, AccessToken>();

  /** @param options.subjectOf  the id of an account, which stays when its address changes */
  constructor(options: {
    clock: Clock;
    settings: GoogleSettings;
    clients: readonly OAuthClient[];
    subjectOf: (email: string) => string;
  }) {
    this.#clock = options.clock;
    this.#subjectOf = options.subjectOf;
    this.#settings = options.settings;
    this.#clients = new Map(options.clients.map((client) => [client.clientId, client]));
  }

  snapshot(): GrantSnapshot[] {
    return [...this.#grants.values()].map((grant) => ({
      email: grant.email,
      clientId: grant.clientId,
      scopes: [...grant.scopes],
      refreshTokens: grant.refreshTokens.map(({ value, scopes, usedAt }) => ({ value, scopes: [...scopes], usedAt })),
      accessTokens: [...this.#accessTokens]
        .filter(([, token]) => token.grant === grant)
        .map(([value, { scopes, expiresAt, offline }]) => ({ value, scopes: [...scopes], expiresAt, offline })),
    }));
  }

  /** Adds the grants of a snapshot. */
  restore(grants: readonly GrantSnapshot[]): void {
    for (const { email, clientId, scopes, refreshTokens, accessTokens } of grants) {
      const grant: Grant = { email, clientId, scopes: new Set(scopes), refreshTokens: [], revoked: false };
      this.#grants.set(`${email} ${clientId}`, grant);
      for (const { value, scopes, usedAt } of refreshTokens) {
        const token = { value, grant, scopes: new Set(scopes), usedAt };
        grant.refreshTokens.push(token);
        this.#refreshTokens.set(value, token);
      }
      for (const { value, scopes, expiresAt, offline } of accessTokens) {
        this.#accessTokens.set(value, { grant, scopes: new Set(scopes), expiresAt, offline });
      }
    }
  }

  client(id: string | undefined): OAuthClient | undefined {
    return id === undefined ? undefined : this.#clients.get(id);
  }

  /** Throws `invalid_client` unless the secret is the client's. */
  authenticate(id: string | undefined, secret: string | undefined): OAuthClient {
    const client = this.client(id);
    if (!client) throw new OAuthError("invalid_client", "The OAuth client was not found.", 401);
    if (client.clientSecret !== secret) throw new OAuthError("invalid_client", "Unauthorized", 401);
    return client;
  }

  /** Records a consent and gives the authorization code for it: good once, for ten minutes. */
  approve(consent: Consent): string {
    const grant = this.#grantOf(consent);
    const withRefreshToken = consent.offline && (consent.prompted || grant.refreshTokens.length === 0);
    for (const scope of consent.scopes) grant.scopes.add(scope);
    const code = `4/0A${secret(40)}`;
    this.#codes.set(code, { consent, grant, withRefreshToken, expiresAt: this.#clock.now() + CODE_LIFETIME });
    return code;
  }

  /** Redeems an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6). Throws `invalid_grant`. */
  exchange(client: OAuthClient, request: { code: string; redirectUri?: string; verifier?: string }): TokenAnswer {
    const pending = this.#codes.get(request.code);
    this.#codes.delete(request.code);
    if (!pending || pending.consent.clientId !== client.clientId) {
      throw new OAuthError("invalid_grant", "Malformed auth code.");
    }
    const { consent, grant } = pending;
    if (pending.expiresAt <= this.#clock.now() || grant.revoked || consent.redirectUri !== request.redirectUri) {
      throw new OAuthError("invalid_grant", "Bad Request");
    }
    checkVerifier(consent.codeChallenge, request.verifier);
    const scopes = new Set(consent.includeGranted ? grant.scopes : consent.scopes);
    const refreshToken = pending.withRefreshToken ? this.#newRefreshToken(grant, scopes) : undefined;
    return this.#answer(grant, scopes, consent.offline, refreshToken);
  }

  /** A new access token. Throws `invalid_grant` when the refresh token is dead, whatever it died of. */
  refresh(client: OAuthClient, value: string): TokenAnswer {
    const token = this.#refreshTokens.get(value);
    if (!token || token.grant.clientId !== client.clientId || this.#isIdle(token)) {
      throw new OAuthError("invalid_grant", "Token has been expired or revoked.");
    }
    token.usedAt = this.#clock.now();
    if (!this.#settings.rotateRefreshTokens) return this.#answer(token.grant, token.scopes, true);
    this.#endRefreshToken(token);
    return this.#answer(token.grant, token.scopes, true, this.#newRefreshToken(token.grant, token.scopes));
  }

  /** Ends the grant behind an access or refresh token, with all its tokens. Throws `invalid_token`. */
  revoke(value: string): void {
    const grant = (this.#refreshTokens.get(value) ?? this.#liveAccessToken(value))?.grant;
    if (!grant) throw new OAuthError("invalid_token", "Token expired or revoked");
    this.#endGrant(grant);
  }

  /** Ends all grants of an account, as when a person removes the app from their account. */
  revokeAccount(email: string): number {
    const grants = [...this.#grants.values()].filter((grant) => grant.email === email);
    for (const grant of grants) this.#endGrant(grant);
    return grants.length;
  }

  /** Ends the access tokens of one account or of all; refresh tokens stay good. */
  expireAccessTokens(email?: string): void {
    for (const [value, token] of this.#accessTokens) {
      if (email === undefined || token.grant.email === email) this.#accessTokens.delete(value);
    }
  }

  /** What an access token stands for; undefined when it is unknown, expired or revoked. */
  access(value: string): (AccessToken & { email: string; clientId: string }) | undefined {
    const token = this.#liveAccessToken(value);
    return token && { ...token, email: token.grant.email, clientId: token.grant.clientId };
  }

  /** Grants alive, with how many refresh tokens each has. */
  toJSON(): object[] {
    return [...this.#grants.values()].map(({ email, clientId, scopes, refreshTokens }) => ({
      email,
      clientId,
      scopes: [...scopes],
      refreshTokens: refreshTokens.length,
    }));
  }

  #liveAccessToken(value: string): AccessToken | undefined {
    const token = this.#accessTokens.get(value);
    return token && token.expiresAt > this.#clock.now() && !token.grant.revoked ? token : undefined;
  }

  #grantOf({ email, clientId }: Consent): Grant {
    const key = `${email} ${clientId}`;
    let grant = this.#grants.get(key);
    if (!grant) {
      grant = { email, clientId, scopes: new Set(), refreshTokens: [], revoked: false };
      this.#grants.set(key, grant);
    }
    return grant;
  }

  #newRefreshToken(grant: Grant, scopes: ReadonlySet<string>): string {
    const token: RefreshToken = { value: `1//0${secret(60)}`, grant, scopes, usedAt: this.#clock.now() };
    grant.refreshTokens.push(token);
    this.#refreshTokens.set(token.value, token);
    if (grant.refreshTokens.length > MAX_REFRESH_TOKENS) this.#endRefreshToken(grant.refreshTokens[0]!);
    return token.value;
  }

  #answer(grant: Grant, scopes: ReadonlySet<string>, offline: boolean, refreshToken?: string): TokenAnswer {
    this.#forgetExpired();
    const seconds = this.#settings.accessTokenSeconds;
    const value = `ya29.a0${secret(120)}`;
    this.#accessTokens.set(value, { grant, scopes, offline, expiresAt: this.#clock.now() + seconds * 1000 });
    return {
      access_token: value,
      expires_in: seconds,
      ...(refreshToken && { refresh_token: refreshToken }),
      scope: [...scopes].join(" "),
      token_type: "Bearer",
      ...(scopes.has("openid") && { id_token: this.#idToken(grant, seconds) }),
    };
  }

  /** Its signature is of no key: who got it from the token endpoint itself need not look at it. */
  #idToken({ email, clientId }: Grant, seconds: number): string {
    const issuedAt = Math.floor(this.#clock.now() / 1000);
    const claims = {
      iss: "https://accounts.google.com",
      azp: clientId,
      aud: clientId,
      sub: this.#subjectOf(email),
      iat: issuedAt,
      exp: issuedAt + seconds,
    };
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
    return `${encode({ alg: "RS256", kid: "sandbox", typ: "JWT" })}.${encode(claims)}.${secret(256)}`;
  }

  /** The oldest tokens stand first: those that have expired are dropped as new ones come. */
  #forgetExpired(): void {
    for (const [value, { expiresAt }] of this.#accessTokens) {
      if (expiresAt > this.#clock.now()) break;
      this.#accessTokens.delete(value);
    }
  }

  #isIdle(token: RefreshToken): boolean {
    return this.#clock.now() - token.usedAt >= REFRESH_TOKEN_IDLE_LIFETIME;
  }

  #endRefreshToken(token: RefreshToken): void {
    this.#refreshTokens.delete(token.value);
    token.grant.refreshTokens = token.grant.refreshTokens.filter((other) => other !== token);
  }

  #endGrant(grant: Grant): void {
    grant.revoked = true;
    for (const token of grant.refreshTokens) this.#refreshTokens.delete(token.value);
    this.#grants.delete(`${grant.email} ${grant.clientId}`);
  }
}

function checkVerifier(challenge: string | undefined, verifier: string | undefined): void {
  if (challenge === undefined) return;
  if (!verifier) throw new OAuthError("invalid_grant", "Missing code verifier.");
  if (createHash("sha256").update(verifier).digest("base64url") !== challenge) {
    throw new OAuthError("invalid_grant", "Invalid code verifier.");
  }
}

function secret(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}
