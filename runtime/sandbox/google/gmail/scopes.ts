const PREFIX = "https://www.googleapis.com/auth/gmail";
const ALL = "https://mail.google.com/";
const MODIFY = `${PREFIX}.modify`;

export const CHANGE: readonly string[] = [ALL, MODIFY];
export const READ_CONTENT: readonly string[] = [...CHANGE, `${PREFIX}.readonly`];
export const READ: readonly string[] = [...READ_CONTENT, `${PREFIX}.metadata`];
export const COMPOSE: readonly string[] = [...CHANGE, `${PREFIX}.compose`];
export const SEND: readonly string[] = [...COMPOSE, `${PREFIX}.send`];
export const READ_PROFILE: readonly string[] = [...READ, `${PREFIX}.compose`];
export const READ_LABELS: readonly string[] = [...READ, `${PREFIX}.labels`];
export const CHANGE_LABELS: readonly string[] = [...CHANGE, `${PREFIX}.labels`];
