import { randomBytes } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { OAuthClient } from "../google/oauth.ts";

/** What an access token stands for. */
export interface Access {
  userType: "Location" | "Company";
  companyId: string;
  /** Only of a location's token. */
  locationId: string | undefined;
  userId: string;
  scopes: ReadonlySet<string>;
}

export interface Consent extends Access {
  clientId: string;
  redirectUri: string;
}

export interface TokenAnswer {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  refresh_token: string;
  scope: string;
  userType: "Location" | "Company";
  locationId?: string;
  companyId: string;
  userId: string;
}

/** A refusal of the token endpoint, in the form HighLevel gives it. */
export class TokenRefusal extends Error {
  readonly status: number;
  readonly body: { error: string; error_description: string };

  constructor(error: string, description: string, status = 400) {
    super(description);
    this.name = "TokenRefusal";
    this.status = status;
    this.body = { error, error_description: description };
  }
}

interface RefreshToken {
  access: Access;
  clientId: string;
  /** The tokens it was exchanged for, given again to whoever asks within the grace. */
  used: { at: number; answer: TokenAnswer } | undefined;
}

const CODE_LIFETIME_MS = 10 * 60_000;
/** In this time a used refresh token still gives the same new tokens. */
const GRACE_MS = 30_000;

/** HighLevel's authorization server: refresh tokens are good once, with 30 seconds of grace. Tokens are random whatever the seed. */
export class HighLevelOAuth {
  readonly #clock: Clock;
  readonly #settings: { accessTokenSeconds: number };
  readonly #clients: Map<string, OAuthClient>;
  readonly #codes = new Map<string, { consent: Consent; expiresAt: number }>();
  readonly #refreshTokens = new Map<string, RefreshToken>();
  readonly #accessTokens = new Map<string, { access: Access; expiresAt: number }>();

  constructor(options: { clock: Clock; settings: { accessTokenSeconds: number }; clients: readonly OAuthClient[] }) {
    this.#clock = options.clock;
    this.#settings = options.settings;
    this.#clients = new Map(options.clients.map((client) => [client.clientId, client]));
  }

  client(id: string | null): OAuthClient | undefined {
    return id === null ? undefined : this.#clients.get(id);
  }

  /** Records a consent and gives the authorization code for it: good once, for ten minutes. */
  approve(consent: Consent): string {
    const code = secret(20);
    this.#codes.set(code, { consent, expiresAt: this.#clock.now() + CODE_LIFETIME_MS });
    return code;
  }

  /** Throws {@link TokenRefusal}. */
  exchange(form: URLSearchParams): TokenAnswer {
    const client = this.#authenticate(form);
    const code = form.get("code") ?? "";
    const pending = this.#codes.get(code);
    this.#codes.delete(code);
    const valid =
      pending !== undefined &&
      pending.expiresAt > this.#clock.now() &&
      pending.consent.clientId === client.clientId &&
      pending.consent.redirectUri === form.get("redirect_uri");
    if (!valid) throw new TokenRefusal("invalid_grant", "Invalid grant: authorization code is invalid");
    return this.issue(pending.consent, client.clientId);
  }

  /** Throws {@link TokenRefusal} when the token is unknown, or was used more than 30 seconds ago. */
  refresh(form: URLSearchParams): TokenAnswer {
    const client = this.#authenticate(form);
    const token = this.#refreshTokens.get(form.get("refresh_token") ?? "");
    const now = this.#clock.now();
    if (token?.clientId !== client.clientId || (token.used && now - token.used.at > GRACE_MS)) {
      throw new TokenRefusal("invalid_grant", "Invalid grant: refresh token is invalid");
    }
    token.used ??= { at: now, answer: this.issue(token.access, client.clientId) };
    return token.used.answer;
  }

  /** Tokens without a consent page; for tests in the same process. */
  issue(access: Access, clientId: string): TokenAnswer {
    const [value, refreshToken] = [secret(64), secret(64)];
    const seconds = this.#settings.accessTokenSeconds;
    this.#accessTokens.set(value, { access, expiresAt: this.#clock.now() + seconds * 1000 });
    this.#refreshTokens.set(refreshToken, { access, clientId, used: undefined });
    const { userType, companyId, locationId, userId, scopes } = access;
    return {
      access_token: value,
      token_type: "Bearer",
      expires_in: seconds,
      refresh_token: refreshToken,
      scope: [...scopes].join(" "),
      userType,
      ...(locationId !== undefined && { locationId }),
      companyId,
      userId,
    };
  }

  /** A location's token for an agency's: it cannot be refreshed, and one is given as often as it is asked for. */
  exchangeForLocation(access: Access, locationId: string): Omit<TokenAnswer, "refresh_token" | "companyId"> {
    const value = secret(64);
    const seconds = this.#settings.accessTokenSeconds;
    const own: Access = { ...access, userType: "Location", locationId };
    this.#accessTokens.set(value, { access: own, expiresAt: this.#clock.now() + seconds * 1000 });
    const { userId, userType, scopes } = own;
    return {
      access_token: value,
      token_type: "Bearer",
      expires_in: seconds,
      scope: [...scopes].join(" "),
      userType,
      locationId,
      userId,
    };
  }

  /** A private integration token: it does not end, and tells nothing of itself. */
  privateToken(access: Access): string {
    const value = `pit-${secret(24)}`;
    this.#accessTokens.set(value, { access, expiresAt: Infinity });
    return value;
  }

  access(value: string): Access | undefined {
    const token = this.#accessTokens.get(value);
    return token && token.expiresAt > this.#clock.now() ? token.access : undefined;
  }

  /** Ends all access tokens; refresh tokens stay good. */
  expireAccessTokens(): void {
    this.#accessTokens.clear();
  }

  /** Ends the tokens of one location. */
  endLocation(locationId: string): void {
    for (const tokens of [this.#accessTokens, this.#refreshTokens])
      for (const [value, { access }] of tokens) if (access.locationId === locationId) tokens.delete(value);
  }

  /** Ends everything, as when the app is uninstalled. */
  uninstall(): void {
    this.#accessTokens.clear();
    this.#refreshTokens.clear();
  }

  #authenticate(form: URLSearchParams): OAuthClient {
    const client = this.client(form.get("client_id"));
    if (!client || client.clientSecret !== form.get("client_secret")) {
      throw new TokenRefusal("invalid_client", "Invalid client: client is invalid", 401);
    }
    return client;
  }
}

function secret(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}
