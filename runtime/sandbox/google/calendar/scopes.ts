const PREFIX = "https://www.googleapis.com/auth/calendar";

const ALL = PREFIX;
const READ = `${PREFIX}.readonly`;

export const WRITE_EVENTS: readonly string[] = [
  ALL,
  `${PREFIX}.events`,
  `${PREFIX}.events.owned`,
  `${PREFIX}.app.created`,
];
export const READ_EVENTS: readonly string[] = [
  ...WRITE_EVENTS,
  READ,
  `${PREFIX}.events.readonly`,
  `${PREFIX}.events.freebusy`,
  `${PREFIX}.events.owned.readonly`,
  `${PREFIX}.events.public.readonly`,
];
export const READ_LIST: readonly string[] = [ALL, READ, `${PREFIX}.calendarlist`, `${PREFIX}.calendarlist.readonly`];
export const READ_CALENDARS: readonly string[] = [
  ALL,
  READ,
  `${PREFIX}.calendars`,
  `${PREFIX}.calendars.readonly`,
  `${PREFIX}.app.created`,
];
export const FREE_BUSY: readonly string[] = [ALL, READ, `${PREFIX}.freebusy`, `${PREFIX}.events.freebusy`];
