/** What a test or a demonstration may change while the sandbox runs. */
export interface GoogleSettings {
  /** Life of access tokens given out from now on, in seconds. */
  accessTokenSeconds: number;
  /** How long a write stays invisible to sync requests, in milliseconds. Reading one contact sees it at once. */
  propagationDelayMs: number;
  /** Whether a refresh gives a new refresh token and ends the old one. Google does not; other vendors do. */
  rotateRefreshTokens: boolean;
  /** Status of an expired sync token: 400 as Google answers, or 410 as its samples have it. */
  expiredSyncTokenStatus: 400 | 410;
  /** Gmail quota of one account, in units. */
  gmailUnitsPerMinute: number;
}
